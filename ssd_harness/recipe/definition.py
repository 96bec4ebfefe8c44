"""A recipe: every setting of the method as frozen data, with its side and its meaning."""

import dataclasses
import difflib
import functools
import json
import typing
from collections.abc import Iterable
from dataclasses import field
from datetime import date
from typing import Any, Self

from pydantic import ConfigDict, ModelWrapValidatorHandler, TypeAdapter, ValidationError, model_validator
from pydantic.dataclasses import dataclass

from ssd_harness import prompt_styles
from ssd_harness.engines.contracts import Decoding
from ssd_harness.errors import UsageError
from ssd_harness.recipe.values import (
    Dtype,
    Engine,
    Fraction,
    LossWeighting,
    NonNegativeInt,
    NonNegativeNumber,
    OrNone,
    PositiveInt,
    PositiveNumber,
    Probability,
    PromptFormat,
    Quantization,
    Rounds,
    Seed,
    Sharding,
    Switch,
    Text,
)
from ssd_harness.validation import Problem, expected_words, first_problem, shown

DEMO = "demo"
"""The ``pretrained`` that names the model embedded in the package."""
EXPLAINED = "ssd-harness recipe show MODEL explains the fields"
"""The next step after a bad value."""
LORA_FIELDS = ("lora_alpha", "lora_dropout", "lora_targets", "lora_quantize")
"""Fields of adapters."""
TEMPLATE_FIELDS = ("reasoning_effort", "enable_thinking", "chat_template_args", "template_date")
"""Fields that are handed to the chat template."""
_ELSEWHERE = {"learning_rate": "lr", "temperature": "T_train", "dataset": "prompts"}
"""Names that other tools have for a field."""
_FEW = 12
"""The most names that a message lists."""


def _train(default: Any, meaning: str) -> Any:
    """Declare a field that shapes the checkpoint: it is part of the fingerprint."""
    return field(default=default, metadata={"side": "train", "meaning": meaning})


def _evaluate(default: Any, meaning: str) -> Any:
    """Declare a field that only the evaluation reads."""
    return field(default=default, metadata={"side": "eval", "meaning": meaning})


def _run(default: Any, meaning: str) -> Any:
    """Declare a field that says how to run, and changes nothing in the result."""
    return field(default=default, metadata={"side": "run", "meaning": meaning})


@dataclass(frozen=True, slots=True, kw_only=True, config=ConfigDict(extra="forbid"))
class Recipe:
    """All settings of one simple self-distillation.

    A temperature below 1e-5 is greedy. ``top_k`` None and ``top_p`` 1 truncate nothing. The defaults sample as Apple's
    published configuration does (T 1.5, top-k 20, top-p 0.8) and evaluate at the temperature that makes
    T_train * T_eval 1.2, where the paper's fit of pass@1 has its peak.
    """

    prompts: OrNone[Text] = _train(
        None, "a .jsonl or .parquet file, hub:OWNER/NAME[:CONFIG[:SPLIT]], rstar:is_passed (the paper's) or demo"
    )
    prompt_limit: OrNone[PositiveInt] = _train(None, "use only the first N prompts")
    prompt_column: OrNone[Text] = _train(
        None, "column with the prompt text or the chat messages; none searches for one"
    )
    prompt_template: OrNone[Text] = _train(
        None, r"text of a prompt, with {COLUMN} for the value of a column; \n is a new line, {{ and }} are braces"
    )
    starter_column: OrNone[Text] = _train(
        None, "column with starter code; prompts are then phrased as in the evaluation"
    )
    id_column: OrNone[Text] = _train(None, "column with the id of a prompt; none uses a hash of its content")
    tests_column: OrNone[Text] = _train(
        None, "column with the tests of a prompt, for filters that run them; none searches for one"
    )
    exclude_prompts: OrNone[Text] = _train(None, "files with ids of prompts to leave out, joined by +")
    prompt_format: PromptFormat = _train("chat", "chat: rendered by the model's chat template; raw: the plain text")
    prompt_style: OrNone[Text] = _train(
        None,
        "wording of problems in training and evaluation: ssd/chat, ssd/chat-system, ssd/completion or file:FOLDER; "
        "none phrases problems as ssd/chat does and leaves other prompts unchanged",
    )
    system_message: OrNone[Text] = _train(None, "system message of the prompt style, in training and evaluation")
    reasoning_effort: OrNone[Text] = _train(None, "passed to chat templates that use it (gpt-oss)")
    enable_thinking: OrNone[Switch] = _train(None, "passed to chat templates that use it (Qwen3)")
    chat_template_args: OrNone[Text] = _train(None, "further values for the chat template, a JSON object")
    template_date: OrNone[Text] = _train(
        None,
        "YYYY-MM-DD, for chat templates that print a date; none keeps that of the first run of this model here",
    )

    sampler: Text = _train("hf", "draws the samples: hf, vllm or a plugin's; by default that of the engine")
    T_train: NonNegativeNumber = _train(1.5, "temperature of the training samples")
    top_k_train: OrNone[PositiveInt] = _train(20, "top-k of the training samples")
    top_p_train: Probability = _train(0.8, "top-p of the training samples")
    n_train: PositiveInt = _train(1, "samples per prompt")
    max_new_tokens_train: PositiveInt = _train(65536, "maximum tokens of a sample; a longer one is cut and gets no EOS")
    filter: Text = _train("stub", "samples to keep: stub, none, shortest-percent:10, parses, executes or passes-tests")

    transform: Text = _train("ssd", "the transform; ssd is the paper's method")
    rounds: Rounds = _train(1, "number of rounds, each from the checkpoint before; 0 evaluates the base model")
    trainer: Text = _train("trl", "fine-tunes the model: trl, or a plugin's")
    steps: OrNone[PositiveInt] = _train(None, "optimiser steps; none uses epochs")
    epochs: OrNone[PositiveNumber] = _train(8.0, "passes over the kept samples, if steps is none")
    batch_size_train: PositiveInt = _train(32, "sequences per optimiser step")
    max_length_train: PositiveInt = _train(65536, "maximum tokens of a training sequence, prompt included")
    lr: NonNegativeNumber = _train(5e-6, "peak learning rate")
    min_lr: NonNegativeNumber = _train(1e-6, "learning rate at the end of the cosine")
    warmup_steps: OrNone[NonNegativeInt] = _train(None, "steps of linear warm-up; none takes a tenth of all steps")
    weight_decay: NonNegativeNumber = _train(0.1, "AdamW weight decay")
    beta1: Fraction = _train(0.9, "AdamW first moment")
    beta2: Fraction = _train(0.95, "AdamW second moment")
    max_grad_norm: NonNegativeNumber = _train(1.0, "maximum gradient norm; 0 disables clipping")
    loss_weighting: LossWeighting = _train(
        "token",
        "loss of a step: token, the mean over its tokens; sequence, the mean of the means of its sequences",
    )
    lora_rank: OrNone[PositiveInt] = _train(None, "rank of the LoRA adapters; none trains all parameters")
    lora_alpha: OrNone[PositiveNumber] = _train(None, "LoRA alpha; none takes twice the rank")
    lora_dropout: Fraction = _train(0.0, "LoRA dropout")
    lora_targets: Text = _train("all-linear", "modules with adapters, joined by +")
    lora_quantize: OrNone[Quantization] = _train(
        None, "4bit: quantise the frozen base model to 4 bits (QLoRA; needs bitsandbytes)"
    )
    dtype_train: Dtype = _train(
        "auto",
        "precision of training; auto computes in bfloat16 over float32 weights on accelerators, and in float32 on CPU",
    )
    dtype_checkpoint: Dtype = _train("auto", "precision of the stored checkpoint; auto keeps that of the base model")
    seed: Seed = _train(0, "seed of sampling and training")

    T_eval: NonNegativeNumber = _evaluate(0.8, "temperature of the evaluated generations")
    top_k_eval: OrNone[PositiveInt] = _evaluate(20, "top-k of the evaluated generations")
    top_p_eval: Probability = _evaluate(0.8, "top-p of the evaluated generations")
    max_gen_toks_eval: OrNone[PositiveInt] = _evaluate(
        None, "maximum tokens of an evaluated generation; none uses that of the task"
    )
    T_base: OrNone[NonNegativeNumber] = _evaluate(
        None, "temperature of the base model; none takes it from its generation_config.json"
    )
    top_k_base: OrNone[PositiveInt] = _evaluate(None, "top-k of the base model")
    top_p_base: OrNone[Probability] = _evaluate(None, "top-p of the base model")

    engine: Engine = _run(
        "auto",
        "transformers or vllm, for sampling and evaluation; auto takes vllm if installed, on an accelerator",
    )
    allow_overlap: Switch = _run(
        False, "train and evaluate although prompts overlap evaluated problems; every result then says so"
    )
    check_fit: Switch = _run(True, "stop before sampling if the estimate exceeds memory or disk; false continues")
    device: OrNone[Text] = _run(None, "device of sampling and training; none takes an accelerator if there is one")
    sampling_rows: OrNone[PositiveInt] = _run(None, "maximum sequences generated at once; none takes up to 128")
    gpus: PositiveInt = _run(1, "processes that sample and train, each with its own GPU (or on the CPU)")
    sharding: Sharding = _run(
        "auto",
        "how training processes share the model: none (a copy each), fsdp2 or zero3; auto is fsdp2, or none for LoRA",
    )
    micro_batch_size: PositiveInt = _run(8, "sequences per forward pass in training")
    packing: Switch = _run(
        False, "pack the sequences of a forward pass into one row; attention stays within each sequence"
    )
    attention: OrNone[Text] = _run(None, "attention implementation in training (sdpa, flash_attention_2, ...)")
    gradient_checkpointing: Switch = _run(False, "trade time for memory while training")
    save_steps: OrNone[PositiveInt] = _run(None, "save the training state every N steps; none saves ten times")
    dequantize: Switch = _run(
        False, "unpack quantised weights when loading; set automatically for a quantised base model"
    )
    trust_remote_code: Switch = _run(False, "run code from the model's repository")

    @model_validator(mode="wrap")
    @classmethod
    def _refuse_in_one_line(cls, values: Any, build: ModelWrapValidatorHandler["Recipe"]) -> "Recipe":
        try:
            return build(values)
        except ValidationError as error:
            raise _refusal(first_problem(error, _expected())) from None

    @model_validator(mode="after")
    def _refuse_contradictions(self) -> Self:
        self._require("steps", not (self.steps is None and self.epochs is None), "a number, or epochs to be given")
        self._require("min_lr", self.min_lr <= self.lr, f"at most lr, {self.lr:g}")
        both = self.prompt_template is not None and self.prompt_column is not None
        self._require("prompt_template", not both, "none with prompt_column")
        if self.prompt_format == "raw":
            self._require("system_message", self.system_message is None, "none with prompt_format=raw")
        styled = self.prompt_style is None or prompt_styles.is_name(self.prompt_style)
        self._require("prompt_style", styled, f"{', '.join(prompt_styles.names())} or file:FOLDER")
        self._require("chat_template_args", _is_json_object(self.chat_template_args), "a JSON object, or none")
        self._require("template_date", _is_date(self.template_date), "a date, YYYY-MM-DD")
        if self.lora_rank is None:
            for name in LORA_FIELDS:
                default = FIELDS[name].default
                alone = getattr(self, name) == default
                words = f"{'none' if default is None else default} without lora_rank"
                self._require(name, alone, words, "give lora_rank=, or leave it out")
        return self

    def _require(self, name: str, holds: bool, expected: str, next_step: str | None = None) -> None:
        if not holds:
            what = f"recipe field {name}: expected {expected}, got {shown(getattr(self, name))}"
            raise UsageError(what, next_step=next_step or EXPLAINED)

    @property
    def train_decoding(self) -> Decoding:
        """Decoding of the training samples."""
        return Decoding(self.T_train, self.top_k_train, self.top_p_train, self.max_new_tokens_train)

    @property
    def template_values(self) -> dict[str, Any]:
        """Values for the chat template by name, in training and evaluation. The date is kept apart."""
        fields = {"reasoning_effort": self.reasoning_effort, "enable_thinking": self.enable_thinking}
        values = json.loads(self.chat_template_args) if self.chat_template_args else {}
        return values | {name: value for name, value in fields.items() if value is not None}

    @property
    def shared(self) -> str:
        """How training processes share the model: ``none``, ``fsdp2`` or ``zero3``.

        A whole copy of weights, gradients and optimiser state takes 16 bytes a parameter: for 4 billion parameters most
        of a GPU. So processes share them by default, unless only adapters are trained.
        """
        if self.sharding != "auto":
            return self.sharding
        return "fsdp2" if self.gpus > 1 and not self.lora_rank else "none"

    def side(self, side: str) -> dict[str, Any]:
        """Return the fields of one side (``train``, ``eval``, ``run``) and their values."""
        return {name: getattr(self, name) for name, field in FIELDS.items() if field.metadata["side"] == side}


FIELDS: dict[str, "dataclasses.Field[Any]"] = {field.name: field for field in dataclasses.fields(Recipe)}


def side_of(name: str) -> str:
    """Return the side of field ``name``: ``train``, ``eval`` or ``run``."""
    return str(FIELDS[name].metadata["side"])


def coerce(name: str, value: Any) -> Any:
    """Turn a word from a command line or YAML into the kind of value that field ``name`` takes."""
    if name not in FIELDS:
        raise _unknown(name)
    try:
        return _adapter(name).validate_python(value)
    except ValidationError as error:
        problem = first_problem(error, {"": _expected()[name]})
        raise _refusal(dataclasses.replace(problem, path=(name,), value=value)) from None


def _refusal(problem: Problem) -> UsageError:
    if problem.kind == "unexpected_keyword_argument":
        return _unknown(problem.path[-1])
    return UsageError(f"recipe field {problem.path[0]}: {problem.words}", next_step=EXPLAINED)


def _unknown(name: Any) -> UsageError:
    return UsageError(f"a recipe has no field {shown(name)}", next_step=nearest(str(name), FIELDS))


@functools.cache
def _kinds() -> dict[str, Any]:
    hints = typing.get_type_hints(Recipe, include_extras=True)
    return {name: hints[name] for name in FIELDS}


@functools.cache
def _expected() -> dict[str, str]:
    """Return the words for the values of each field."""
    return {name: expected_words(kind) or "another value" for name, kind in _kinds().items()}


@functools.cache
def _adapter(name: str) -> TypeAdapter[Any]:
    return TypeAdapter(_kinds()[name])


def _is_json_object(text: str | None) -> bool:
    try:
        return text is None or isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False


def _is_date(text: str | None) -> bool:
    try:
        return text is None or date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def nearest(word: str, names: Iterable[str]) -> str:
    """Suggest the one of ``names`` that a misspelt ``word`` probably stands for."""
    lower = {name.lower(): name for name in sorted(names)}
    lower = {alias: name for alias, name in _ELSEWHERE.items() if name in lower.values()} | lower
    # A field's name without its side, batch_size for batch_size_train, is nearer than any misspelling.
    close = [name for name in lower if name.startswith(f"{word.lower()}_")]
    close += difflib.get_close_matches(word.lower(), set(lower) - set(close), n=1, cutoff=0.9 if close else 0.6)
    if close:
        return f"did you mean {' or '.join(repr(lower[name]) for name in close)}?"
    if len(set(lower.values())) > _FEW:
        return "ssd-harness recipe show MODEL lists the fields of a recipe"
    return f"choose one of: {', '.join(sorted(names))}"
