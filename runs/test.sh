#!/usr/bin/env bash
# Everything that a contributor or CI checks, on a machine with Python 3.11 and nothing else: set-up, lint, all tests.
#
#   bash runs/test.sh [pytest arguments]
#
# As root on Debian or Ubuntu without a Docker engine it installs and starts one; elsewhere it runs what needs no engine and
# says what was left out. SSD_REQUIRE_DOCKER=1 makes a missing engine an error. vLLM's tests have an environment of their own
# and run last, unless pytest arguments are given. SSD_TEST_WORKERS is the number of pytest's workers (default 2). More
# variables: runs/setup.sh.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source runs/setup.sh
ssd_setup hf,qlora,dev

export OMP_NUM_THREADS=1 TOKENIZERS_PARALLELISM=false SSD_HARNESS_SLOTS=${SSD_HARNESS_SLOTS:-4}
# The tests keep their state in folders of their own, whatever the user's settings are.
unset SSD_HARNESS_SANDBOX SSD_HARNESS_HOME SSD_HARNESS_NO_HOOK SSD_HARNESS_PRETRAINED

ruff check .
ruff format --check .
python dev/whole_package.py lint-imports
python dev/whole_package.py mypy

# Two workers fit two cores. Each judges in two slots at most, so with four slots neither waits for the other. Files come in our
# own order, those with slow tests first.
python -m pytest -n "${SSD_TEST_WORKERS:-2}" --dist loadfile --no-loadscope-reorder --durations=15 "$@"

vllm=$(
  if [ $# -gt 0 ]; then
    echo "pytest arguments were given"
  elif [ "${SSD_SKIP_VLLM:-}" = 1 ]; then
    echo "SSD_SKIP_VLLM=1"
  elif ! (ssd_setup_vllm); then
    echo "vLLM could not be installed"
  fi
)
if [ -z "$vllm" ]; then
  (ssd_setup_vllm && python -m pytest tests/vllm_backend --durations=5)
elif [ "${SSD_REQUIRE_DOWNLOADS:-}" = 1 ] && [ $# -eq 0 ]; then
  ssd_fail 3 "vLLM's tests did not run, since $vllm, and SSD_REQUIRE_DOWNLOADS=1"
else
  ssd_say "left out: vLLM's tests, since $vllm"
fi

case $SSD_ENGINE in
  docker) ;;
  process) ssd_say "left out: every test marked docker, since no Docker engine answers" ;;
  none) ssd_say "left out: every test that runs programs, since there is neither a Docker engine nor root" ;;
esac
