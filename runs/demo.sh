#!/usr/bin/env bash
# The whole method on one small model, start to finish: sample, fine-tune, evaluate, compare. No GPU, no download of weights.
#
#   bash runs/demo.sh
#
# Set-up first (own virtual environment, sandbox), then six evaluations of the embedded 1M-parameter model on livecodebench_mini:
# the base at its own decoding and at other temperatures, the null control, and simple self-distillation. Results: $SSD_DEMO_OUT.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source runs/setup.sh
ssd_setup hf

out=${SSD_DEMO_OUT:-$PWD/results/demo}
export SSD_HARNESS_HOME=${SSD_HARNESS_HOME:-$out/home}
export OMP_NUM_THREADS=1 TOKENIZERS_PARALLELISM=false HF_HUB_OFFLINE=1
started=$SECONDS
rm -rf "${out:?}/runs" && mkdir -p "$out/runs"

# evaluate NAME MODEL_ARGS [lm_eval arguments ...]: one run of the ordinary lm_eval command.
evaluate() {
  local name=$1 model_args=$2
  shift 2
  echo "── $name: lm_eval --model ssd-hf --model_args $model_args --tasks livecodebench_mini $*"
  if ! lm_eval --model ssd-hf --model_args "$model_args" --tasks livecodebench_mini --log_samples \
      --output_path "$out/runs/$name" "$@" > "$out/runs/$name.log" 2>&1; then
    tail -n 20 "$out/runs/$name.log" >&2
    echo "demo: run '$name' failed; the whole log is $out/runs/$name.log" >&2
    exit 3
  fi
}

evaluate base          pretrained=demo,rounds=0
for temperature in 0.4 0.8 1.0; do
  evaluate "base-T$temperature" pretrained=demo,rounds=0 --gen_kwargs "temperature=$temperature"
done
evaluate null-control  pretrained=demo,T_train=1.0,top_k_train=0,top_p_train=1.0
evaluate ssd           pretrained=demo

echo
ssd-harness compare base="$out/runs/base" base-T0.4="$out/runs/base-T0.4" base-T0.8="$out/runs/base-T0.8" \
  base-T1.0="$out/runs/base-T1.0" null-control="$out/runs/null-control" ssd="$out/runs/ssd"
echo
echo "demo: done in $((SECONDS - started)) s after set-up; results and logs: $out/runs"
