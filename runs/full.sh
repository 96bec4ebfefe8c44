#!/usr/bin/env bash
# A full-size run: a base model against simple self-distillation of it, on both windows of the paper. Tests run it whole with the
# embedded model on a CPU; what a full-size model takes is estimated (README.md, "What it takes").
#
#   bash runs/full.sh [MODEL [GPUS [lm_eval arguments ...]]]      # default: Qwen/Qwen3-4B-Instruct-2507 8
#
# Needs an environment with `pip install 'ssd-harness[hf,vllm]'` active, a Docker engine, and the Hub (or SSD_LCB_DATA and a local
# model). The plan with its costs comes first. After a kill the same command goes on where it was.
#
#   SSD_FULL_OUT      folder of results (default results/MODEL)
#   SSD_FULL_ENGINE   ssd-vllm (default) or ssd-hf
#   SSD_FULL_FIELDS   more fields of the recipe, field=value,...
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

model=${1:-Qwen/Qwen3-4B-Instruct-2507}
gpus=${2:-8}
shift $(($# < 2 ? $# : 2))
engine=${SSD_FULL_ENGINE:-ssd-vllm}
fields=${SSD_FULL_FIELDS:-}
out=${SSD_FULL_OUT:-results/${model##*/}}
# vLLM spreads the evaluated model over all GPUs, and samples and trains on as many; transformers evaluates on one.
if [ "$engine" = ssd-vllm ]; then where=tensor_parallel_size=$gpus; else where=gpus=$gpus; fi

ssd-harness sandbox build
IFS=, read -ra given <<< "$fields"
ssd-harness distill "$model" "gpus=$gpus" "sampler=${engine#ssd-}" "${given[@]}" --dry-run

evaluate() { # NAME MODEL_ARGS [lm_eval arguments ...]
  local name=$1 model_args=$2
  shift 2
  echo "── $name: lm_eval --model $engine --model_args $model_args"
  lm_eval --model "$engine" --model_args "$model_args" --tasks livecodebench_v6,livecodebench_v5 \
    --log_samples --output_path "$out/$name" "$@"
}

evaluate base "pretrained=$model,$where,rounds=0" "$@"
evaluate ssd "pretrained=$model,$where${fields:+,$fields}" "$@"

for task in livecodebench_v6 livecodebench_v5; do
  echo "── $task"
  ssd-harness compare "base=$out/base@$task" "ssd=$out/ssd@$task" | tee "$out/$task.txt"
done
