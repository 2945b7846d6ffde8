# Runs in a guest: workers and, unless the guest is the "other" one, their client, over RDMA. BUILD, FILES, GUEST (its name) and WORKERS
# (those that it has) are put before it.
set -u
# rxe's completion queues are small, and ofi_rxm asks for one slot for each peer that might come.
export FI_UNIVERSE_SIZE=16 HFI_NO_BACKTRACE=1 OMP_WAIT_POLICY=PASSIVE
host=$BUILD/genie-host/genie-host
models='decoder wide'
packets=/sys/class/infiniband/rxe0/ports/1/hw_counters
card=/sys/class/net/eth0/statistics
mkdir -p /run/files/keys
cd /run/files || exit 1
# A machine has its own keys, and no other's.
cp "$FILES/keys/ca.pem" keys/
for name in $WORKERS; do cp "$FILES/$name.json" . && cp "$FILES/keys/$name".* keys/; done
passed=0 failed=0

# case_of NAME COMMAND...: counts, and shows what was said when it fails.
case_of() {
  local name=$1 begin=$SECONDS
  shift
  if "$@" >said 2>&1; then
    passed=$((passed + 1))
    echo "ok $name ($((SECONDS - begin)) s)"
  else
    failed=$((failed + 1))
    echo "FAILED $name"
    tail -n 60 said
    tail -n 20 ./*.out 2>/dev/null
  fi
}

# number MODEL KEY: a number of the report of a run, 0 where it has none. A link's are asked for as LINK/bytes.
number() {
  local value
  value=$(tr -d ' \n' <"$1/report.json" | grep -o "\"${2/\//\":{\"}\":[0-9]*" | grep -o '[0-9]*$' | head -n 1)
  echo "${value:-0}"
}

start_workers() {
  local name
  for name in $WORKERS; do
    "$host" serve --config "$name.json" --ready-file "$name.ready" >"$name.out" 2>&1 &
  done
  for name in $WORKERS; do
    until [[ -s $name.ready ]]; do
      kill -0 %% 2>/dev/null || return 1
      sleep 0.2
    done
  done
}

stop_workers() {
  local each
  for each in $(jobs -p); do
    kill -TERM "$each" && wait "$each" || return 1
  done
}

# The connection between the guests' jobs. That it is made says that the other guest's worker listens; its one line says how many bytes of
# values must have come to that worker and gone from it, and that the client is done.
await_client() {
  busybox nc -l -p 6999 </dev/null >crossed && cat crossed && grep -q ' done$' crossed
}

await_other() {
  until exec 3>/dev/tcp/10.99.0.1/6999; do sleep 0.5; done
}

# at_least NAME COUNT LEAST
at_least() {
  echo "$1: $2, at least $3 are right"
  (($2 >= $3))
}

# In the other guest, which has no peer of its own, so that every packet of its RDMA device crosses the wire.
packets_carried_the_values() {
  local came went said
  read -r came went said <crossed || return 1
  echo "values: $came bytes came, $went went"
  ((came >= 1 << 20 && went >= 1 << 20)) && at_least 'bytes in packets that came' $((($(cat $packets/rcvd_pkts) - came_before) * 4096)) "$came" &&
    at_least 'bytes in packets that went' $((($(cat $packets/sent_pkts) - went_before) * 4096)) "$went"
}

if [[ $GUEST == other ]]; then
  case_of 'the worker listens' start_workers
  came_before=$(cat $packets/rcvd_pkts) went_before=$(cat $packets/sent_pkts)
  case_of 'the client of the other guest is done' await_client
  case_of 'the values came and went in packets of RDMA' packets_carried_the_values
  case_of 'the worker ends when it is asked to' stop_workers
  echo "test cases: $((passed + failed)), $passed passed"
  exit $((failed > 0))
fi

# The exit code says that the outputs have the expected bits. What the card carries is kept beside the report.
run_on_workers() {
  local status=0
  [[ $WORKERS == 'w0 w1' ]] || cat $card/{tx,rx}_bytes >"$1/before"
  "$host" --config "$1/remote.json" || status=$?
  [[ $WORKERS == 'w0 w1' ]] || cat $card/{tx,rx}_bytes >"$1/after"
  return "$status"
}

all_went_over_verbs() {
  grep -o '"\(workers_on\|values_sent\)[^,}]*' "$1/report.json"
  local path='verbs;ofi_rxm'
  [[ $(number "$1" "workers_on_$path") == 2 ]] && (($(number "$1" "values_sent_on_$path") > 0)) &&
    [[ $(number "$1" "values_sent_on_$path") == $(number "$1" values_sent_directly) ]] && [[ $(number "$1" values_sent_through_client) == 0 ]]
}

# The client's inputs to the other guest's worker, and that worker's values for the one here.
bytes_crossed_the_wire() {
  local before after
  mapfile -t before <"$1/before" && mapfile -t after <"$1/after"
  at_least 'bytes to the other guest' $((after[0] - before[0])) "$(number "$1" client--w0/bytes)" &&
    at_least 'bytes from the other guest' $((after[1] - before[1])) "$(number "$1" w0--w1/bytes)" && (($(number "$1" w0--w1/bytes) > 0))
}

the_doctor_says_so() {
  "$host" doctor --config decoder/remote.json --json >doctor.json || { cat doctor.json; return 1; }
  [[ $(grep -c '"detail": "taken: verbs;ofi_rxm' doctor.json) == 2 ]] || { cat doctor.json; return 1; }
}

tell_the_other_guest() {
  local model came=0 went=0 said=done
  for model in $models; do
    came=$((came + $(number "$model" client--w0/bytes))) went=$((went + $(number "$model" w0--w1/bytes)))
  done
  ((failed == 0)) || said='with failures'
  echo "$came $went $said" >&3
  exec 3>&-
}

cp "$FILES"/keys/client.* keys/
for model in $models; do
  cp -r "$FILES/$model" .
  case_of "$model: the run in one process" "$host" --config "$model/in-process.json"
done
case_of "workers listen ($WORKERS)" start_workers
[[ $WORKERS == 'w0 w1' ]] || case_of 'the worker of the other guest listens' await_other
for model in $models; do
  case_of "$model: the run on two workers has the bits of the run in one process" run_on_workers "$model"
  case_of "$model: client to worker and worker to worker went over verbs;ofi_rxm" all_went_over_verbs "$model"
  [[ $WORKERS == 'w0 w1' ]] || case_of "$model: its bytes crossed the wire" bytes_crossed_the_wire "$model"
done
case_of 'the doctor names verbs;ofi_rxm for both workers' the_doctor_says_so
[[ $WORKERS == 'w0 w1' ]] || tell_the_other_guest
case_of 'workers end when they are asked to' stop_workers
echo "test cases: $((passed + failed)), $passed passed"
((failed == 0))
