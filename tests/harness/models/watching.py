"""A plugin that notes each stage that starts, what a rank of lm_eval begins, and whether the checkpoint was there by then."""

import fcntl
import json
import os
import sys
from pathlib import Path

import torch


def note(*what):
    with Path(os.environ["WATCHED"]).open("a") as lines:
        fcntl.flock(lines, fcntl.LOCK_EX)
        lines.write(json.dumps(what) + chr(10))


def watch(holder, name):
    original = getattr(holder, name)

    def watched(*arguments, **named):
        there = Path(os.environ["SSD_HARNESS_HOME"], "models", "fresh", "ssd_manifest.json").exists()
        note(name, int(os.environ["RANK"]), there)
        return original(*arguments, **named)

    setattr(holder, name, watched)


if "ssd_harness.distill.stage" in sys.orig_argv:
    stages = {"samples": "sample", "kept": "filter", "training": "train"}
    note("stage", stages[Path(sys.orig_argv[-2]).parent.name])
elif "RANK" in os.environ:
    import accelerate
    from transformers import AutoModelForCausalLM

    watch(torch.distributed, "init_process_group")
    watch(torch.distributed, "destroy_process_group")
    watch(torch.cuda, "_lazy_init")
    watch(accelerate.PartialState, "__init__")
    watch(AutoModelForCausalLM, "from_pretrained")
