# Shared by the scripts: where things are, and steps with progress, logs and clear failures. Source it; do not run it.

set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
BUILD=${GENIE_BUILD:-$ROOT/build}
VENV=$ROOT/.venv
LOGS=$BUILD/logs
HOST=$BUILD/genie-host/genie-host

if [[ -t 2 ]]; then
  BOLD=$'\e[1m' DIM=$'\e[2m' RED=$'\e[31m' GREEN=$'\e[32m' PLAIN=$'\e[0m'
else
  BOLD='' DIM='' RED='' GREEN='' PLAIN=''
fi

say() { printf '%s\n' "$*" >&2; }

fail() {
  say "${RED}error:${PLAIN} $*"
  exit 1
}

# step NAME COMMAND...: run a command with its output in a log file; say what runs, how long it took, and on failure
# show the end of the log. On a terminal the newest line of the log is shown while it runs.
step() {
  local name=$1 log started status=0
  shift
  mkdir -p "$LOGS"
  log=$LOGS/$(tr -cs 'a-zA-Z0-9' '-' <<<"$name" | sed 's/^-*//; s/-*$//').log
  started=$SECONDS
  if [[ -t 2 ]]; then
    "$@" >"$log" 2>&1 </dev/null &
    local job=$! columns
    # An interrupt reaches the whole foreground group: the command ends by itself, this shell must only not go on.
    trap 'wait "$job" 2>/dev/null; printf "\n" >&2; exit 130' INT
    columns=$(tput cols 2>/dev/null || echo 80)
    while kill -0 "$job" 2>/dev/null; do
      printf '\r\e[K%s' "${BOLD}..${PLAIN} $name ${DIM}$(tail -n 1 "$log" | tr -d '\r\e' | cut -c "1-$((columns - ${#name} - 6))")${PLAIN}" >&2
      sleep 0.2
    done
    wait "$job" || status=$?
    trap - INT
    printf '\r\e[K' >&2
  else
    say ".. $name"
    "$@" >"$log" 2>&1 </dev/null || status=$?
  fi
  if ((status)); then
    say "${RED}failed:${PLAIN} $name (exit code $status). The end of its log:"
    tail -n 30 "$log" | sed 's/^/   | /' >&2
    say "The whole log: $log"
    return "$status"
  fi
  say "${GREEN}ok${PLAIN} $name ${DIM}($((SECONDS - started)) s)${PLAIN}"
}

# The names of a section of packages.txt.
package_names() {
  awk -v section="[$1]" '/^\[/ { inside = ($1 == section) } inside && !/^(\[|#|$)/ { print $1 }' "$ROOT/scripts/lib/packages.txt"
}
