"""The gate's policy file: YAML with one rule for each metric and difficulty.

alpha: 0.05
on_inconclusive: pass
rules:
  - metric: pass@1
    max_drop: 0.02
  - metric: pass@1
    difficulty: hard
    max_drop: 0.05
    only_warn: true
  - metric: pass@5
    max_drop: null
    minimum: 0.40
"""

import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ssd_harness.errors import UsageError
from ssd_harness.results.gate import Rule

_LONGEST = 1 << 20
"""Bytes of a policy file that are read."""
Proportion = Annotated[float, Field(ge=0, le=1)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PolicyRule(_Strict):
    """One rule as it is written in the file."""

    metric: Annotated[str, Field(pattern=r"^pass@[1-9]\d{0,3}$")]
    difficulty: Literal["all", "easy", "medium", "hard"] = "all"
    max_drop: Proportion | None = 0.02
    minimum: Proportion | None = None
    only_warn: bool = False

    def as_rule(self) -> Rule:
        """Return the rule that the gate applies."""
        return Rule(
            int(self.metric.removeprefix("pass@")), self.difficulty, self.max_drop, self.minimum, self.only_warn
        )


class Policy(_Strict):
    """A whole policy file."""

    alpha: Annotated[float, Field(gt=0, lt=0.5)] = 0.05
    on_inconclusive: Literal["pass", "fail"] = "pass"
    rules: Annotated[tuple[PolicyRule, ...], Field(min_length=1)] = (PolicyRule(metric="pass@1"),)

    def as_rules(self) -> tuple[Rule, ...]:
        """Return the rules that the gate applies."""
        return tuple(rule.as_rule() for rule in self.rules)


def read_policy(path: Path) -> Policy:
    """Read a policy file. Raises :class:`UsageError` that names the field and what is expected there."""
    import yaml

    try:
        with path.open("rb") as stream:
            text = stream.read(_LONGEST + 1)
        content = yaml.safe_load(text.decode("utf-8-sig")) if len(text) <= _LONGEST else "too long"
        return Policy.model_validate(content if content is not None else {})
    except OSError as error:
        raise UsageError(f"cannot read the policy: {error.strerror}", where=path) from error
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        reason = re.sub(r"\s+", " ", str(error))
        raise UsageError(f"the policy is not valid YAML: {reason}", where=path) from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"])) or "the file"
        raise UsageError(
            f"{place}: {first['msg'].lower()}", where=path, next_step="see `ssd-harness gate --help`"
        ) from error


def parse_minimum(text: str) -> tuple[int, float]:
    """Read ``pass@K=VALUE`` and return K and the value, a proportion."""
    match = re.fullmatch(r"pass@([1-9]\d{0,3})=(\d*\.?\d+)", text)
    if not match or not 0 <= float(match[2]) <= 1:
        raise UsageError(f"expected pass@K=PROPORTION, got {text!r}", next_step="write --min pass@1=0.40")
    return int(match[1]), float(match[2])
