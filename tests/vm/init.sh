#!/busybox sh
# The first process of the guest. Makes the host's root visible, read-only, makes a software RDMA device on a network card, runs
# the job in the host's root, and ends the machine with the job's status.
say() { /busybox echo "guest: $*"; }

# Port 0xf4 is isa-debug-exit: writing N there ends qemu with status 2N + 1. The line on the console is what is believed.
finish() {
  /busybox echo "@@job-status $1@@"
  code=$(($1 < 126 ? $1 + 1 : 126))
  /busybox printf "\\$(/busybox printf '%03o' "$code")" |
    /busybox dd of=/dev/port bs=1 seek=244 count=1 conv=notrunc 2>/dev/null
  /busybox poweroff -f
}

for kind in proc:/proc sysfs:/sys devtmpfs:/dev; do
  /busybox mount -t "${kind%%:*}" none "${kind#*:}"
done
while read -r module; do
  /busybox insmod "/modules/$module" || say "module $module does not load"
done </modules/order

/busybox mkdir -p /host
/busybox mount -t 9p -o trans=virtio,version=9p2000.L,ro,cache=loose,msize=262144 host /host || finish 120
for kind in proc:proc sysfs:sys; do /busybox mount -t "${kind%%:*}" none "/host/${kind#*:}"; done
/busybox mount --bind /dev /host/dev
/busybox mkdir -p /host/dev/shm
for place in dev/shm run; do /busybox mount -t tmpfs none "/host/$place"; done

/busybox ip link set lo up
# The wire to another guest where there is one, else a card that leads nowhere.
card=eth0
if [ ! -d /sys/class/net/$card ]; then
  card=rdma-net
  /busybox ip link add $card type dummy
fi
address=$(/busybox sed -n 's/.*genie\.address=\([0-9.]*\).*/\1/p' /proc/cmdline)
/busybox ip link set $card mtu 4200
/busybox ip address add "$address/24" dev $card
/busybox ip link set $card up
/busybox chroot /host /usr/bin/env PATH=/usr/sbin:/usr/bin:/sbin:/bin rdma link add rxe0 type rxe netdev $card || finish 121

/busybox cp /job.sh /host/run/job.sh
ulimit -l unlimited
/busybox chroot /host /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/run TMPDIR=/run /bin/bash /run/job.sh
finish $?
