# Shared by the scripts of this folder. Source it.

VM_CACHE=${GENIE_VM_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/genie-vm}

# skip REASON: what is missing here is no failure. One line, and the exit code that stands for skipped.
skip() {
  printf 'skipped: %s\n' "$*"
  exit 77
}
