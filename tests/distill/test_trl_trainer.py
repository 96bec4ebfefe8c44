import json
import shutil

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ssd_harness.distill.checkpoint_check import RECORD, Request, check
from ssd_harness.distill.training_row import IGNORED
from ssd_harness.errors import InfrastructureError
from ssd_harness.estimates.model_size import size_of
from ssd_harness.extensions.contracts import Sample
from ssd_harness.plugins.trl.rows import write_rows
from ssd_harness.plugins.trl.trainer import TrlTrainer
from ssd_harness.recipe.definition import Recipe

torch = pytest.importorskip("torch")
pytest.importorskip("trl")

pytestmark = pytest.mark.hf

EOS = 2
# One with EOS, one truncated without, one that a tokenizer would never write this way, one longer than max_length.
SAMPLES = [
    Sample("p0", 0, (1, 80, 81), (90, 91, 92, EOS), "abc", "eos"),
    Sample("p1", 0, (1, 80, 81, 82), (100, 101), "de", "length"),
    Sample("p2", 0, (1, 85), (110, 1, 110, 0, EOS), "f", "eos"),
    Sample("p3", 0, (1, 86), tuple(range(120, 140)), "g", "length"),
]
SMALL = {"steps": 3, "batch_size_train": 4, "micro_batch_size": 4, "max_length_train": 12, "lr": 1e-3}


def silent(*_, **__):
    pass


def train(model, folder, samples=SAMPLES, **fields):
    return TrlTrainer(model, Recipe(**{**SMALL, **fields})).train(samples, folder, silent)


def weights(folder):
    from safetensors.torch import load_file

    return load_file(folder / "model.safetensors")


def test_the_models_forward_sees_exactly_the_samplers_ids(tiny_model, tmp_path, monkeypatch):
    from transformers import Qwen3Model

    # TRL replaces the language model's own forward; what reaches the layers below is what counts.
    seen = []
    original = Qwen3Model.forward

    def spying(self, *arguments, **inputs):
        if self.training:
            seen.append((inputs["input_ids"].clone(), inputs["attention_mask"].clone()))
        return original(self, *arguments, **inputs)

    monkeypatch.setattr(Qwen3Model, "forward", spying)
    train(tiny_model, tmp_path, steps=1)
    ((ids, mask),) = seen
    rows = sorted(tuple(row[real.bool()].tolist()) for row, real in zip(ids, mask, strict=True))
    assert rows == sorted((*one.prompt_ids, *one.token_ids)[:12] for one in SAMPLES)
    # The truncated samples end as they were drawn.
    assert sum(row[-1] == EOS for row in rows) == 2


def test_rows_take_the_loss_on_the_completion_alone(tmp_path):
    import datasets

    written = write_rows(SAMPLES, tmp_path / "rows.arrow", 12)
    assert (written.rows, written.skipped, written.longest) == (4, 0, 12)
    for row, one in zip(datasets.Dataset.from_file(str(tmp_path / "rows.arrow")), SAMPLES, strict=True):
        assert row["input_ids"] == [*one.prompt_ids, *one.token_ids][:12]
        assert row["labels"] == [*[IGNORED] * len(one.prompt_ids), *one.token_ids][:12]


ids = st.lists(st.integers(0, 258), max_size=15).map(tuple)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(ids, ids), min_size=1, max_size=5), st.integers(1, 20))
def test_rows_never_exceed_the_length_and_always_have_a_label(tmp_path_factory, pairs, length):
    import datasets

    path = tmp_path_factory.mktemp("rows") / "rows.arrow"
    samples = [Sample("p", 0, prompt, completion, "", "eos") for prompt, completion in pairs]
    written = write_rows(samples, path, length)
    assert written.rows + written.skipped == len(samples)
    for row in datasets.Dataset.from_file(str(path)) if written.rows else []:
        assert len(row["input_ids"]) == len(row["labels"]) <= written.longest <= length
        assert row["labels"][0] == IGNORED  # nothing stands before it
        assert any(label != IGNORED for label in row["labels"])


def test_the_loss_and_the_step_are_those_of_a_plain_loop(tiny_model, tmp_path):
    """One step by hand: mean cross-entropy over all completion tokens of the batch, AdamW, clipped gradients."""
    from transformers import Qwen3ForCausalLM

    model = Qwen3ForCausalLM.from_pretrained(tiny_model, dtype=torch.float32)
    total = torch.zeros(())
    count = 0
    for one in SAMPLES:
        row = torch.tensor([[*one.prompt_ids, *one.token_ids][:12]])
        logits = model(row).logits[0]
        start = len(one.prompt_ids)
        targets = row[0, start:]
        total = total + torch.nn.functional.cross_entropy(logits[start - 1 : -1], targets, reduction="sum")
        count += len(targets)
    loss = total / count
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    decayed = [p for n, p in model.named_parameters() if p.ndim > 1]
    plain = [p for n, p in model.named_parameters() if p.ndim <= 1]
    groups = [{"params": decayed, "weight_decay": 0.1}, {"params": plain, "weight_decay": 0.0}]
    torch.optim.AdamW(groups, lr=1e-3, betas=(0.9, 0.95)).step()

    report = train(tiny_model, tmp_path, steps=1, warmup_steps=0)
    assert report["losses"] == pytest.approx([loss.item()], rel=1e-5)
    made = weights(tmp_path / "checkpoint")
    for name, parameter in model.named_parameters():
        assert (made[name] - parameter).abs().max() < 1e-6, name


def test_learning_rate_warms_up_and_ends_at_the_minimum(tiny_model, tmp_path):
    train(tiny_model, tmp_path, steps=10, warmup_steps=2, lr=1e-3, min_lr=1e-4, save_steps=10)
    (state,) = (tmp_path / "state").glob("*/trainer_state.json")
    rates = [entry["learning_rate"] for entry in json.loads(state.read_text())["log_history"] if "loss" in entry]
    assert rates[0] == 0
    assert max(rates) == rates[2] == pytest.approx(1e-3)
    assert rates[2:] == sorted(rates[2:], reverse=True)
    assert 1e-4 <= rates[-1] < 2e-4


def test_each_step_leaves_its_metrics_once_and_they_go_with_the_checkpoint(tiny_model, tmp_path):
    fields = {"steps": 4, "save_steps": 1, "warmup_steps": 0}
    with pytest.raises(Killed):
        TrlTrainer(tiny_model, Recipe(**{**SMALL, **fields})).train(SAMPLES, tmp_path, die_at(3))
    with (tmp_path / "metrics.jsonl").open("a") as stream:
        stream.write('{"step": 3, "lo')  # the line that a kill cuts
    report = train(tiny_model, tmp_path, **fields)
    assert report["resumed_from"] == "checkpoint-2"
    lines = [json.loads(line) for line in (tmp_path / "checkpoint" / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [1, 2, 3, 4]
    assert [line["loss"] for line in lines] == report["losses"]
    assert lines[0]["lr"] == 1e-3
    for line in lines:
        assert line.keys() == {"step", "loss", "lr", "tokens_per_s", "grad_norm"}
        assert line["tokens_per_s"] > 0
        assert line["grad_norm"] > 0


ODD_SETTINGS = {
    "sampling numbers without do_sample": '{"eos_token_id": 2,\n "temperature": 0.9, "top_p": 0.6}',
    "values of no sense": '{"eos_token_id": 2, "temperature": "hot", "num_beams": -3, "do_sample": "x"}',
}


@pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing. is deprecated:FutureWarning")
@pytest.mark.parametrize("fields", [{}, {"lora_rank": 2}], ids=str)
@pytest.mark.parametrize("settings", ODD_SETTINGS.values(), ids=ODD_SETTINGS)
def test_the_bases_files_are_carried_over_as_they_are(tiny_model, tmp_path, settings, fields):
    """Transformers validates generation settings whenever a model is saved; nothing here decodes by them."""
    base = shutil.copytree(tiny_model, tmp_path / "base")
    (base / "generation_config.json").write_text(settings)
    templates = base / "additional_chat_templates"
    templates.mkdir()
    (templates / "tool_use.jinja").write_text("{{ messages }}")
    config = json.loads((base / "config.json").read_text())
    (base / "config.json").write_text(json.dumps({**config, "temperature": 0.9}))  # as older models have it
    (tmp_path / "made").mkdir()
    train(base, tmp_path / "made", save_steps=1, **fields)
    made = tmp_path / "made" / "checkpoint"
    for name in ("generation_config.json", "tokenizer.json", "additional_chat_templates/tool_use.jinja"):
        assert (made / name).read_bytes() == (base / name).read_bytes(), name
    assert json.loads((made / "config.json").read_text()) == json.loads((base / "config.json").read_text())


def test_epochs_count_the_rows(tiny_model, tmp_path):
    report = train(tiny_model, tmp_path, steps=None, epochs=3, batch_size_train=2, micro_batch_size=1)
    assert report["steps"] == 6
    assert report["micro_batch_size"] == 1


# peft 0.21 asks transformers 5.24 by an old name.
@pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing. is deprecated:FutureWarning")
def test_adapters_are_merged_into_an_ordinary_model(tiny_model, tmp_path):
    report = train(tiny_model, tmp_path, lora_rank=4)
    assert report["adapter"] == "merged"
    from safetensors.torch import load_file

    trained = load_file(tmp_path / "adapter" / "adapter_model.safetensors")
    assert sum(map(torch.numel, trained.values())) == 4 * size_of("x", tiny_model).adapted  # what an estimate counts
    before, after = weights(tiny_model), weights(tmp_path / "checkpoint")
    assert before.keys() == after.keys()
    moved = {name for name in before if not before[name].equal(after[name])}
    assert any("q_proj" in name for name in moved)
    assert not any("embed" in name or "norm" in name for name in moved)


def test_the_checkpoint_keeps_the_bases_precision_unless_told_otherwise(tiny_model, tmp_path):
    train(tiny_model, tmp_path, steps=1, dtype_checkpoint="bfloat16")
    assert {tensor.dtype for tensor in weights(tmp_path / "checkpoint").values()} == {torch.bfloat16}
    assert json.loads((tmp_path / "checkpoint" / "config.json").read_text())["dtype"] == "bfloat16"


def test_prompts_that_fill_the_length_leave_nothing_to_train(tiny_model, tmp_path):
    with pytest.raises(InfrastructureError, match="raise max_length_train="):
        train(tiny_model, tmp_path, samples=SAMPLES[:1], max_length_train=3)


def test_half_precision_computes_over_weights_in_float32(tiny_model, tmp_path, monkeypatch):
    """What an accelerator gets by default, here on the CPU: bfloat16 in the layers, float32 in weights and AdamW."""
    from transformers.models.qwen3.modeling_qwen3 import Qwen3MLP

    from ssd_harness.plugins.trl import training_arguments

    forward, seen = Qwen3MLP.forward, set()

    def spying(self, inputs):
        made = forward(self, inputs)
        if self.training:
            seen.add((made.dtype, self.down_proj.weight.dtype))
        return made

    monkeypatch.setattr(Qwen3MLP, "forward", spying)
    monkeypatch.setattr(training_arguments, "computes_in_half", lambda *_, **__: True)
    (tmp_path / "half").mkdir()
    train(tiny_model, tmp_path / "half", save_steps=3)
    assert seen == {(torch.bfloat16, torch.float32)}
    (moments,) = (tmp_path / "half" / "state").glob("*/optimizer.pt")
    state = torch.load(moments)["state"]
    assert {value.dtype for one in state.values() for value in one.values()} == {torch.float32}
    monkeypatch.undo()
    # The logits that it left are in float32 all the same, and those of the checkpoint.
    half = tmp_path / "half"
    assert check(Request(str(half / "checkpoint"), str(tiny_model), str(half / RECORD)))["logits_within"] == 1e-3
    (tmp_path / "whole").mkdir()
    train(tiny_model, tmp_path / "whole")
    assert 0 < apart(tmp_path / "half", tmp_path / "whole") < 1e-2


class Killed(Exception):
    """What ends a training in the middle."""


def die_at(step):
    def report(done, *_):
        if done == step:
            raise Killed

    return report


ROWS = [Sample(f"p{k}", 0, (1, 80, k), tuple(range(90, 95 + k)), "", "length") for k in range(12)]
LONGER = {**SMALL, "steps": 6, "save_steps": 1, "max_length_train": 30}


def apart(one, other):
    first, second = weights(one / "checkpoint"), weights(other / "checkpoint")
    return max((first[name] - second[name]).abs().max() for name in first)


@pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing. is deprecated:FutureWarning")
@pytest.mark.parametrize(
    ("fields", "changed"),
    [
        ({"lora_rank": 4, "lora_dropout": 0.3}, {}),
        ({}, {"micro_batch_size": 1, "gradient_checkpointing": True}),
        ({}, {"packing": True, "save_steps": 3}),
    ],
)
def test_a_resumed_training_ends_with_the_weights_of_an_uninterrupted_one(tiny_model, tmp_path, fields, changed):
    """Also with adapters and dropout, and where what only speed and memory depend on is another one by then."""
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    for folder in (whole, killed):
        folder.mkdir()
    recipe = Recipe(**LONGER, **fields)
    undisturbed = TrlTrainer(tiny_model, recipe).train(ROWS, whole, silent)
    with pytest.raises(Killed):
        TrlTrainer(tiny_model, recipe).train(ROWS, killed, die_at(4))
    assert not (killed / "checkpoint").exists()
    resumed = TrlTrainer(tiny_model, Recipe(**{**LONGER, **fields, **changed})).train(ROWS, killed, silent)
    assert resumed["resumed_from"] == "checkpoint-3"
    assert resumed["losses"] == pytest.approx(undisturbed["losses"], abs=1e-5)
    assert apart(killed, whole) <= 1e-6


def test_a_state_with_broken_weights_is_not_gone_on_from(tiny_model, tmp_path, monkeypatch):
    """A fault that comes and goes: the weights break in step 4, and the loss of step 5 shows it."""
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    for folder in (whole, broken):
        folder.mkdir()
    recipe = Recipe(**LONGER)
    TrlTrainer(tiny_model, recipe).train(ROWS, whole, silent)
    step, steps = torch.optim.AdamW.step, []

    def breaking(self, *arguments, **named):
        step(self, *arguments, **named)
        steps.append(self)
        if len(steps) == 4:
            with torch.no_grad():
                self.param_groups[0]["params"][0].fill_(float("nan"))

    with monkeypatch.context() as patch:
        patch.setattr(torch.optim.AdamW, "step", breaking)
        with pytest.raises(InfrastructureError, match="the loss is nan at step 5"):
            TrlTrainer(tiny_model, recipe).train(ROWS, broken, silent)
    assert TrlTrainer(tiny_model, recipe).train(ROWS, broken, silent)["resumed_from"] == "checkpoint-3"
    assert apart(broken, whole) <= 1e-6


@pytest.mark.parametrize("packing", [False, True])
def test_gradient_checkpointing_runs_each_layer_once_more(tiny_model, tmp_path, monkeypatch, packing):
    from transformers.models.qwen3.modeling_qwen3 import Qwen3MLP

    forward, calls = Qwen3MLP.forward, []

    def counting(self, *arguments):
        calls.append(self.training)
        return forward(self, *arguments)

    monkeypatch.setattr(Qwen3MLP, "forward", counting)
    counts = {}
    for recompute in (False, True):
        calls.clear()
        folder = tmp_path / str(recompute)
        folder.mkdir()
        fields = {**SMALL, "steps": 2, "packing": packing, "gradient_checkpointing": recompute}
        TrlTrainer(tiny_model, Recipe(**fields)).train(SAMPLES, folder, silent)
        counts[recompute] = sum(calls)  # those of the check for packing are not training
    assert counts == {False: 2 * 2, True: 2 * 2 * 2}


@pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing. is deprecated:FutureWarning")
def test_adapters_over_four_bits_are_merged_into_the_base_as_it_was(tiny_model, tmp_path, monkeypatch):
    """QLoRA: what is trained on is quantised, what is kept is the base in its own precision and a small sum on top."""
    bitsandbytes = pytest.importorskip("bitsandbytes")
    from transformers import Qwen3ForCausalLM

    forward, quantised = bitsandbytes.nn.Linear4bit.forward, []

    def spying(self, inputs):
        quantised.append(self.weight.quant_state.quant_type)
        return forward(self, inputs)

    monkeypatch.setattr(bitsandbytes.nn.Linear4bit, "forward", spying)
    losses = {}
    for name, fields in {"plain": {}, "four bits": {"lora_quantize": "4bit"}}.items():
        assert not quantised
        (tmp_path / name).mkdir()
        losses[name] = train(tiny_model, tmp_path / name, lora_rank=2, **fields)["losses"]
    assert set(quantised) == {"nf4"}
    assert losses["four bits"] == pytest.approx(losses["plain"], rel=0.1)
    assert losses["four bits"] != losses["plain"]
    before, after = weights(tiny_model), weights(tmp_path / "four bits" / "checkpoint")
    changes = {name: after[name] - tensor for name, tensor in before.items() if not after[name].equal(tensor)}
    assert changes
    for name, change in changes.items():
        assert "_proj" in name
        assert torch.linalg.matrix_rank(change, rtol=1e-3) <= 2, name
    Qwen3ForCausalLM.from_pretrained(tmp_path / "four bits" / "checkpoint")
