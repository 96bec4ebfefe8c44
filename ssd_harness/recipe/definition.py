"""What to do to a model, as frozen data: every number of the method, its side and its meaning."""

import dataclasses
import difflib
import functools
import hashlib
import json
import math
import types
import typing
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from ssd_harness import prompt_styles
from ssd_harness.engines.contracts import Decoding
from ssd_harness.errors import UsageError
from ssd_harness.printable import printable
from ssd_harness.recipe.limits import (
    BELOW_ONE,
    LARGEST_WHOLE,
    NOT_NEGATIVE,
    POSITIVE,
    PROBABILITY,
    ROUNDS,
    SEED,
    Limit,
    one_of,
)

DEMO = "demo"
"""The ``pretrained`` that names the model embedded in the package."""

_DTYPES = one_of("auto", "float32", "bfloat16", "float16")
_ELSEWHERE = {"learning_rate": "lr", "temperature": "T_train", "dataset": "prompts"}
"""What other tools call a field."""
_FEW = 12
"""As many names as a message lists."""
_NONE_WORDS = {"none", "null", ""}
_TRUE_WORDS, _FALSE_WORDS = {"true", "yes", "1"}, {"false", "no", "0"}


def _train(default: Any, meaning: str, limit: Limit | None = None) -> Any:
    """Declare a field that shapes the checkpoint: it is part of the fingerprint."""
    return field(default=default, metadata={"side": "train", "meaning": meaning, "limit": limit})


def _evaluate(default: Any, meaning: str, limit: Limit | None = None) -> Any:
    """Declare a field that only the evaluation reads."""
    return field(default=default, metadata={"side": "eval", "meaning": meaning, "limit": limit})


def _run(default: Any, meaning: str, limit: Limit | None = None) -> Any:
    """Declare a field that says how to run, and changes nothing in what is made."""
    return field(default=default, metadata={"side": "run", "meaning": meaning, "limit": limit})


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """One way to put one model through simple self-distillation.

    A temperature below 1e-5 is greedy; ``top_k`` None and ``top_p`` 1 truncate nothing. A model without a preset is
    sampled as Apple's published configuration does (T 1.5, top-k 20, top-p .8) and evaluated at the temperature that
    makes T_train * T_eval 1.2, where the paper's fit of pass@1 has its peak.
    """

    prompts: str | None = _train(
        None, "a .jsonl or .parquet file, hub:OWNER/NAME[:CONFIG[:SPLIT]], rstar:is_passed (the paper's) or demo"
    )
    prompt_limit: int | None = _train(None, "take only the first so many prompts", POSITIVE)
    prompt_column: str | None = _train(None, "column with the prompt text or the chat messages; none looks for one")
    prompt_template: str | None = _train(
        None, r"text of a prompt with {COLUMN} for what a column holds; \n is a new line, {{ and }} are braces"
    )
    starter_column: str | None = _train(None, "column with starter code; puts prompts into the evaluation's words")
    id_column: str | None = _train(None, "column that names a prompt; none names it by its content")
    tests_column: str | None = _train(None, "column with a prompt's tests, if the filter runs them; none looks for one")
    exclude_prompts: str | None = _train(None, "files with the ids of prompts to leave out, joined by +")
    prompt_format: str = _train(
        "chat", "chat: through the model's chat template; raw: the text as it stands", one_of("chat", "raw")
    )
    prompt_style: str | None = _train(
        None,
        "words around a problem in training and evaluation: ssd/chat, ssd/chat-system, ssd/completion, file:FOLDER; "
        "none asks problems as ssd/chat does, and leaves other prompts as they stand",
    )
    system_message: str | None = _train(None, "system message of the prompt style, in training and evaluation")
    reasoning_effort: str | None = _train(None, "handed to chat templates that read it (gpt-oss)")
    enable_thinking: bool | None = _train(None, "handed to chat templates that read it (Qwen3)")
    chat_template_args: str | None = _train(None, "more values for the chat template, a JSON object")
    template_date: str | None = _train(
        None, "YYYY-MM-DD for chat templates that write today's date; none keeps the date of the model's first run here"
    )

    sampler: str = _train("hf", "what draws the samples: hf or vllm, as the engine, unless given, or a plugin's")
    T_train: float = _train(1.5, "temperature of the training samples", NOT_NEGATIVE)
    top_k_train: int | None = _train(20, "top-k of the training samples", POSITIVE)
    top_p_train: float = _train(0.8, "top-p of the training samples", PROBABILITY)
    n_train: int = _train(1, "samples a prompt", POSITIVE)
    max_new_tokens_train: int = _train(65536, "longest sample in tokens; a longer one is cut and gets no EOS", POSITIVE)
    filter: str = _train("stub", "what is kept: stub, none, shortest-percent:10, parses, executes, passes-tests")

    transform: str = _train("ssd", "the whole transform; ssd is the paper's")
    rounds: int = _train(1, "how often to repeat; 0 evaluates the base model as it is", ROUNDS)
    trainer: str = _train("trl", "what fine-tunes")
    steps: int | None = _train(None, "optimiser steps; none counts epochs", POSITIVE)
    epochs: float | None = _train(8.0, "passes over the kept samples where steps is None", POSITIVE)
    batch_size_train: int = _train(32, "sequences an optimiser step", POSITIVE)
    max_length_train: int = _train(65536, "longest training sequence in tokens, prompt included", POSITIVE)
    lr: float = _train(5e-6, "peak learning rate", NOT_NEGATIVE)
    min_lr: float = _train(1e-6, "learning rate at the end of the cosine", NOT_NEGATIVE)
    warmup_steps: int | None = _train(
        None, "steps of linear warm-up; none, or as many as all steps, takes a tenth", NOT_NEGATIVE
    )
    weight_decay: float = _train(0.1, "AdamW weight decay", NOT_NEGATIVE)
    beta1: float = _train(0.9, "AdamW first moment", BELOW_ONE)
    beta2: float = _train(0.95, "AdamW second moment", BELOW_ONE)
    max_grad_norm: float = _train(1.0, "gradients are clipped to this norm; 0 clips nothing", NOT_NEGATIVE)
    loss_weighting: str = _train(
        "token",
        "loss of a step: token, the mean over its tokens; sequence, the mean of its sequences' means",
        one_of("token", "sequence"),
    )
    lora_rank: int | None = _train(None, "rank of LoRA adapters; none trains all parameters", POSITIVE)
    lora_alpha: float | None = _train(None, "LoRA scale; none takes twice the rank", POSITIVE)
    lora_dropout: float = _train(0.0, "LoRA dropout", BELOW_ONE)
    lora_targets: str = _train("all-linear", "modules that get adapters, separated by +")
    lora_quantize: str | None = _train(
        None, "4bit: adapters on the base quantised to 4 bits (QLoRA; with bitsandbytes)", one_of("4bit")
    )
    dtype_train: str = _train(
        "auto", "auto: bfloat16 compute over float32 weights on accelerators, float32 on CPU", _DTYPES
    )
    dtype_checkpoint: str = _train(
        "auto", "precision the checkpoint is stored in; auto keeps the base model's", _DTYPES
    )
    seed: int = _train(0, "seed of prompt drawing, sampling and training", SEED)

    T_eval: float = _evaluate(0.8, "temperature of the evaluated generations", NOT_NEGATIVE)
    top_k_eval: int | None = _evaluate(20, "top-k of the evaluated generations", POSITIVE)
    top_p_eval: float = _evaluate(0.8, "top-p of the evaluated generations", PROBABILITY)
    max_gen_toks_eval: int | None = _evaluate(
        None, "longest evaluated generation; none leaves it to the task", POSITIVE
    )
    T_base: float | None = _evaluate(
        None, "the base model's own temperature; none asks its generation_config.json", NOT_NEGATIVE
    )
    top_k_base: int | None = _evaluate(None, "the base model's own top-k", POSITIVE)
    top_p_base: float | None = _evaluate(None, "the base model's own top-p", PROBABILITY)

    engine: str = _run(
        "auto",
        "transformers or vllm, for sampling and evaluation; auto is vllm where it is installed for an accelerator here",
        one_of("auto", "transformers", "vllm"),
    )
    allow_overlap: bool = _run(
        False, "keep prompts that overlap evaluated problems, and evaluate all the same; every result then says so"
    )
    check_fit: bool = _run(
        True, "stop before sampling where memory or disk do not suffice, by estimate; false goes on all the same"
    )
    device: str | None = _run(None, "where to sample and train; none takes an accelerator if there is one")
    sampling_rows: int | None = _run(None, "most sequences generated side by side; none takes up to 128", POSITIVE)
    gpus: int = _run(1, "processes to sample and train with, each with a GPU of its own (or on the CPU)", POSITIVE)
    sharding: str = _run(
        "auto",
        "what training processes share: none (a copy each), fsdp2 or zero3; auto is fsdp2, for LoRA none",
        one_of("auto", "none", "fsdp2", "zero3"),
    )
    micro_batch_size: int = _run(8, "sequences a forward pass of the training", POSITIVE)
    packing: bool = _run(False, "the sequences of a forward pass stand in one row; attention stays within each")
    attention: str | None = _run(None, "attention implementation while training (sdpa, flash_attention_2, ...)")
    gradient_checkpointing: bool = _run(False, "trade time for memory while training")
    save_steps: int | None = _run(None, "training state is saved every so many steps; none saves ten times", POSITIVE)
    dequantize: bool = _run(False, "unpack quantised weights at loading; set by itself where a base has them")
    trust_remote_code: bool = _run(False, "run code that the model's repository brings along")

    def __post_init__(self) -> None:
        """Refuse values that cannot be meant, and those that contradict each other."""
        for name, known in FIELDS.items():
            value, limit = getattr(self, name), known.metadata["limit"]
            if value is not None and limit:
                self._require(name, limit.holds(value), limit.words)
            if isinstance(value, int) and limit is not SEED:
                self._require(name, value <= LARGEST_WHOLE, f"at most {LARGEST_WHOLE}")
        self._require("steps", not (self.steps is None and self.epochs is None), "given, or epochs is")
        self._require("min_lr", self.min_lr <= self.lr, f"at most lr, {self.lr:g}")
        both = self.prompt_template is not None and self.prompt_column is not None
        self._require("prompt_template", not both, "none with prompt_column")
        if self.prompt_format == "raw":
            self._require("system_message", self.system_message is None, "none with prompt_format=raw")
        styled = self.prompt_style is None or prompt_styles.is_name(self.prompt_style)
        self._require("prompt_style", styled, f"one of {', '.join(prompt_styles.names())}, or file:FOLDER")
        self._require("chat_template_args", _is_json_object(self.chat_template_args), "a JSON object, or none")
        self._require("template_date", _is_date(self.template_date), "a date, YYYY-MM-DD")
        if self.lora_rank is None:
            for name in LORA_FIELDS:
                default = FIELDS[name].default
                alone = getattr(self, name) == default
                self._require(name, alone, f"{_word(default)} without lora_rank", "give lora_rank=, or leave it out")

    def _require(self, name: str, holds: bool, wanted: str, next_step: str | None = None) -> None:
        if not holds:
            what = f"recipe field {name} is {_shown(getattr(self, name))} but must be {wanted}"
            raise UsageError(what, next_step=next_step)

    @property
    def train_decoding(self) -> Decoding:
        """How training samples are drawn."""
        return Decoding(self.T_train, self.top_k_train, self.top_p_train, self.max_new_tokens_train)

    @property
    def template_values(self) -> dict[str, Any]:
        """Values handed to the chat template by name, in training and evaluation alike; the date stands apart."""
        named = {"reasoning_effort": self.reasoning_effort, "enable_thinking": self.enable_thinking}
        values = json.loads(self.chat_template_args) if self.chat_template_args else {}
        return values | {name: value for name, value in named.items() if value is not None}

    @property
    def shared(self) -> str:
        """What several training processes share: ``none``, ``fsdp2`` or ``zero3``.

        A copy each of weights, gradients and optimiser state takes 16 bytes a parameter, which for 4 billion is most
        of a GPU: unless told otherwise they share them, and where adapters alone are trained they need not.
        """
        if self.sharding != "auto":
            return self.sharding
        return "fsdp2" if self.gpus > 1 and not self.lora_rank else "none"

    def side(self, side: str) -> dict[str, Any]:
        """Return the fields of one side (``train``, ``eval``, ``run``) and their values."""
        return {name: getattr(self, name) for name, known in FIELDS.items() if known.metadata["side"] == side}


FIELDS: dict[str, "dataclasses.Field[Any]"] = {known.name: known for known in dataclasses.fields(Recipe)}


def side_of(name: str) -> str:
    """Return the side of field ``name``: ``train``, ``eval`` or ``run``."""
    return str(FIELDS[name].metadata["side"])


LORA_FIELDS = ("lora_alpha", "lora_dropout", "lora_targets", "lora_quantize")
"""What only adapters have."""
TEMPLATE_FIELDS = ("reasoning_effort", "enable_thinking", "chat_template_args", "template_date")
"""What the chat template is handed."""
NAMED_BY_IDENTITY = {"prompts", "prompt_limit", "prompt_column", "starter_column", "id_column", "tests_column"}
NAMED_BY_IDENTITY |= {"exclude_prompts", "prompt_template", "prompt_style", "sampler", "trainer"}
"""What hashes and versions stand for, wherever it came from."""
_AFTER_SAMPLING = {"filter", "transform", "rounds", "steps", "epochs", "batch_size_train", "max_length_train", "lr"}
_AFTER_SAMPLING |= {"min_lr", "warmup_steps", "weight_decay", "beta1", "beta2", "max_grad_norm", "dtype_checkpoint"}
_AFTER_SAMPLING |= {"loss_weighting", "lora_rank", *LORA_FIELDS}
"""What changes nothing in the samples. Any other field counts as shaping them, a new one too."""


def coerce(name: str, value: Any) -> Any:
    """Turn a word from a command line or YAML into the kind of value that field ``name`` takes."""
    if name not in FIELDS:
        raise UsageError(f"a recipe has no field {_shown(name)}", next_step=nearest(str(name), FIELDS))
    kinds = _kinds()[name]
    word = value.strip().lower() if isinstance(value, str) else value
    if word is None or (isinstance(word, str) and word in _NONE_WORDS):
        if types.NoneType in kinds:
            return None
        if value is None or not word or str not in kinds:
            raise UsageError(f"recipe field {name} needs a value")
    kind = next(kind for kind in kinds if kind is not types.NoneType)
    try:
        return _convert(kind, value, word)
    except (TypeError, ValueError, OverflowError):
        wanted = {int: "a whole number", float: "a number", bool: "true or false", str: "a text"}[kind]
        raise UsageError(f"recipe field {name} is {_shown(value)} but must be {wanted}") from None


def _convert(kind: type, value: Any, word: Any) -> Any:
    if kind is bool:
        if str(word).lower() in _TRUE_WORDS | _FALSE_WORDS:
            return str(word).lower() in _TRUE_WORDS
        raise ValueError
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise TypeError  # YAML reads a bare yes as true, and has lists and dates
    if kind is str:
        return str(value)
    number = float(word)
    if not math.isfinite(number):
        raise ValueError
    if kind is float:
        return number
    if number != int(number):
        raise ValueError
    return int(word) if isinstance(word, int) else int(number)


def _shown(value: Any) -> str:
    """Return a value for a message: YAML may hold lists without end."""
    plain = value is None or isinstance(value, str | int | float)
    try:
        return printable(repr(value), 80) if plain else f"a {type(value).__name__}"
    except ValueError:  # YAML's hexadecimal numbers may have more digits than Python writes in decimal
        return "a number of too many digits"


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


def _word(value: Any) -> str:
    return "none" if value is None else str(value)


@functools.cache
def _kinds() -> dict[str, tuple[type, ...]]:
    hints = typing.get_type_hints(Recipe)
    return {name: typing.get_args(hint) or (hint,) for name, hint in hints.items() if name in FIELDS}


def nearest(word: str, known: Iterable[str]) -> str:
    """Say which known name the misspelt ``word`` was probably meant to be."""
    lower = {name.lower(): name for name in sorted(known)}
    lower = {alias: name for alias, name in _ELSEWHERE.items() if name in lower.values()} | lower
    # A field's name without its side, batch_size for batch_size_train, is nearer than any misspelling.
    close = [name for name in lower if name.startswith(f"{word.lower()}_")]
    close += difflib.get_close_matches(word.lower(), set(lower) - set(close), n=1, cutoff=0.9 if close else 0.6)
    if close:
        return f"did you mean {' or '.join(repr(lower[name]) for name in close)}?"
    if len(set(lower.values())) > _FEW:
        return "ssd-harness recipe show MODEL lists the fields of a recipe"
    return f"choose one of: {', '.join(sorted(known))}"


def fingerprint(
    recipe: Recipe, *, base: str, tokenizer: str, prompts: str, sampler: str, trainer: str, **others: str
) -> str:
    """Return the name of what the recipe makes, as 64 hexadecimal digits: equal means that it can be reused.

    ``base`` is the weights' hash or commit, ``tokenizer`` that of tokenizer and chat template, ``prompts`` the prompt
    set's hash, ``sampler`` and ``trainer`` are ``name@version``, and so are ``others``: filter, transform and prompt
    source, where they are a plugin's or more than the first version of a built-in one, and ``style``, the hash of the
    prompt style's texts, where they are not the default's. The evaluation's decoding, devices, batch shapes and library
    versions take no part: they change nothing in the checkpoint that anybody asked for. Nor does where the prompts came
    from: their hash says which they are.
    """
    fields = recipe.side("train")
    for name in NAMED_BY_IDENTITY:
        del fields[name]
    identity = {"base": base, "tokenizer": tokenizer, "prompts": prompts, "sampler": sampler, "trainer": trainer}
    return _digest(fields, identity | others)


def samples_fingerprint(recipe: Recipe, *, model: str, tokenizer: str, prompts: str, sampler: str) -> str:
    """Return the name of the samples that the recipe has drawn, as 64 hexadecimal digits.

    Recipes that differ in what is done with them share it. ``model`` is what they are drawn from: the base's weights,
    or in a later round the fingerprint of the checkpoint before.
    """
    apart = _AFTER_SAMPLING.union(NAMED_BY_IDENTITY)
    fields = {name: value for name, value in recipe.side("train").items() if name not in apart}
    return _digest(fields, {"model": model, "tokenizer": tokenizer, "prompts": prompts, "sampler": sampler})


def _digest(fields: Mapping[str, Any], identity: Mapping[str, str]) -> str:
    text = json.dumps({"fields": fields, **identity}, sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()
