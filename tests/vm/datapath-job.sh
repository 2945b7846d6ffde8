# Runs in the guest: the data path's own tests over RDMA. BUILD is put before it.
set -u
# rxe's completion queues are small, and ofi_rxm asks for one slot for each peer that might come.
export FI_UNIVERSE_SIZE=16 HFI_NO_BACKTRACE=1
export GENIE_DATAPATH_PROVIDERS='verbs;ofi_rxm' GENIE_DATAPATH_ADDRESS=10.99.0.1
uname -r
ulimit -l unlimited
timeout 200 "$BUILD/tests/datapath/datapath-tests" --no-breaks -nc -sf='*test_fabric*,*test_choice*'
