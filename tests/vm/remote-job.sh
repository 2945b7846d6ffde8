# Runs in the guest: workers and a client over RDMA. BUILD and FILES are put before it.
set -u
# rxe's completion queues are small, and ofi_rxm asks for one slot for each peer that might come.
export FI_UNIVERSE_SIZE=16 HFI_NO_BACKTRACE=1 OMP_WAIT_POLICY=PASSIVE
host=$BUILD/genie-host/genie-host
cp -r "$FILES" /run/files
cd /run/files || exit 1
passed=0 failed=0

# case NAME COMMAND...: counts, and shows what was said when it fails.
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
  fi
}

# counter NAME: of the report, 0 where it has none.
counter() {
  local value
  value=$(grep -o "\"$1\": *[0-9]*" report.json | grep -o '[0-9]*$' | head -n 1)
  echo "${value:-0}"
}

make_keys() {
  "$host" keys init && "$host" keys issue w0 && "$host" keys issue w1 && "$host" keys issue client --client
}

start_workers() {
  local name
  for name in w0 w1; do
    "$host" serve --config "$name.json" --ready-file "$name.ready" >"$name.out" 2>&1 &
  done
  for name in w0 w1; do
    until [[ -s $name.ready ]]; do
      if ! kill -0 %% 2>/dev/null || ((SECONDS > 240)); then
        cat "$name.out"
        return 1
      fi
      sleep 0.2
    done
  done
}

# The exit code says that the outputs have the expected bits.
run_on_workers() {
  "$host" --config remote.json
}

all_went_over_verbs() {
  grep -o '"\(workers_on\|values_sent\)[^,}]*' report.json
  local path='verbs;ofi_rxm'
  [[ $(counter "workers_on_$path") == 2 ]] && (($(counter "values_sent_on_$path") > 0)) &&
    [[ $(counter "values_sent_on_$path") == $(counter values_sent_directly) ]] && [[ $(counter values_sent_through_client) == 0 ]]
}

the_doctor_says_so() {
  "$host" doctor --config remote.json --json >doctor.json || { cat doctor.json; return 1; }
  [[ $(grep -c '"detail": "taken: verbs;ofi_rxm' doctor.json) == 2 ]] || { cat doctor.json; return 1; }
}

stop_workers() {
  local each
  for each in $(jobs -p); do
    kill -TERM "$each" && wait "$each" || return 1
  done
}

case_of 'certificates are made' make_keys
case_of 'the run in one process' "$host" --config in-process.json
case_of 'two workers listen' start_workers
case_of 'the run on two workers has the bits of the run in one process' run_on_workers
case_of 'client to worker and worker to worker went over verbs;ofi_rxm' all_went_over_verbs
case_of 'the doctor names verbs;ofi_rxm for both workers' the_doctor_says_so
case_of 'workers end when they are asked to' stop_workers
echo "test cases: $((passed + failed)), $passed passed"
((failed == 0))
