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

evaluate base pretrained=demo,rounds=0
for temperature in 0.6 1.0 1.4; do
  evaluate "base-T$temperature" pretrained=demo,rounds=0 --gen_kwargs "temperature=$temperature,top_k=20,top_p=0.8"
done
evaluate null-control pretrained=demo,T_train=1.0,top_k_train=none,top_p_train=1.0
evaluate ssd pretrained=demo

echo
runs=()
for name in base base-T0.6 base-T1.0 base-T1.4 null-control ssd; do runs+=("$name=$out/runs/$name"); done
ssd-harness compare "${runs[@]}" | tee "$out/table.txt"
cat << 'EOF'
base: the model at its own decoding (T 1, nothing truncated); base-T…: top-k 20, top-p 0.8 at other temperatures, the best of which
is what decoding alone can do; null-control: trained just as long on samples drawn at T 1 without truncation, decoded as ssd is;
ssd: the method.
EOF
echo "demo: done in $((SECONDS - started)) s after set-up; table, results and logs: $out"
