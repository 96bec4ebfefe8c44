"""Kinds of values that a recipe's fields take, and how words of a command line or of YAML become such values."""

import math
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

from pydantic import BeforeValidator, Field, GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

from ssd_harness.validation import Expected, one_of

LARGEST_WHOLE = 2**31 - 1
"""A larger number is a typing error in any field; Parquet and torch would accept it and fail later."""
_NONE_WORDS = {"none", "null", ""}
_TRUE_WORDS, _FALSE_WORDS = {"true", "yes", "1"}, {"false", "no", "0"}
_Value = TypeVar("_Value")


@dataclass(frozen=True, slots=True)
class OneOf(Expected):
    """One of these words."""

    choices: tuple[str, ...] = ()

    @classmethod
    def these(cls, *choices: str) -> "OneOf":
        """Return the type's annotation."""
        return cls(one_of(choices), choices)

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Validate as a literal, which is an ``enum`` in a JSON schema."""
        return core_schema.literal_schema(list(self.choices))


def _none(value: Any) -> Any:
    return None if isinstance(value, str) and value.strip().lower() in _NONE_WORDS else value


def _switch(value: Any) -> bool:
    word = str(value).strip().lower()
    if word not in _TRUE_WORDS | _FALSE_WORDS:
        raise ValueError
    return word in _TRUE_WORDS


def _text(value: Any) -> str:
    # YAML reads a bare yes as true, and has lists and dates.
    if isinstance(value, bool) or not isinstance(value, str | int | float) or value == "":
        raise ValueError
    return str(value)


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError  # noqa: TRY004 - pydantic takes ValueError alone
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise ValueError
    return number


def _integer(value: Any) -> int:
    number = _number(value)
    if number != int(number):
        raise ValueError
    return value if isinstance(value, int) else int(number)


OrNone = Annotated[_Value | None, BeforeValidator(_none)]
Text = Annotated[str, BeforeValidator(_text), Expected("text")]
Switch = Annotated[bool, BeforeValidator(_switch), Expected("true or false")]
PositiveInt = Annotated[int, Field(gt=0, le=LARGEST_WHOLE), BeforeValidator(_integer), Expected("a positive integer")]
NonNegativeInt = Annotated[
    int, Field(ge=0, le=LARGEST_WHOLE), BeforeValidator(_integer), Expected("an integer of 0 or more")
]
Rounds = Annotated[int, Field(ge=0, le=1000), BeforeValidator(_integer), Expected("an integer from 0 to 1000")]
Seed = Annotated[int, Field(ge=0, lt=2**32), BeforeValidator(_integer), Expected(f"an integer from 0 to {2**32 - 1}")]
"""The range that numpy accepts, which the trainer seeds as well."""
PositiveNumber = Annotated[float, Field(gt=0), BeforeValidator(_number), Expected("a positive number")]
NonNegativeNumber = Annotated[float, Field(ge=0), BeforeValidator(_number), Expected("a number of 0 or more")]
Probability = Annotated[float, Field(gt=0, le=1), BeforeValidator(_number), Expected("a number above 0 and at most 1")]
Fraction = Annotated[float, Field(ge=0, lt=1), BeforeValidator(_number), Expected("a number of 0 or more and below 1")]
PromptFormat = Annotated[str, OneOf.these("chat", "raw")]
LossWeighting = Annotated[str, OneOf.these("token", "sequence")]
Quantization = Annotated[str, OneOf.these("4bit")]
Dtype = Annotated[str, OneOf.these("auto", "float32", "bfloat16", "float16")]
Engine = Annotated[str, OneOf.these("auto", "transformers", "vllm")]
Sharding = Annotated[str, OneOf.these("auto", "none", "fsdp2", "zero3")]
