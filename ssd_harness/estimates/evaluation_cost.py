"""Estimate what an evaluation takes: programs, tokens, GPU time and memory."""

from dataclasses import dataclass, replace

from ssd_harness.engines.memory import with_spare
from ssd_harness.estimates.device_memory import SamplingMemory, cache_bytes
from ssd_harness.estimates.model_size import ModelSize
from ssd_harness.estimates.training_cost import PROMPT_TOKENS, sampling_hours
from ssd_harness.recipe.values import LARGEST_WHOLE


@dataclass(frozen=True, slots=True)
class EvaluationEngine:
    """How the model class stores weights and attention cache on devices."""

    vllm: bool = False
    """vLLM needs room for one sequence of its whole context; the transformers engine for the longest one requested."""
    weight_bytes: int | None = None
    """Bytes per parameter; None depends on the device: 4 on a CPU, as in the checkpoint on a GPU."""
    devices: int = 1
    """Number of devices that share weights and cache."""
    share: float = 1.0
    """Share of each device's memory that may be used."""
    context: int | None = None
    """Most tokens of a sequence, if the user limits them; None means the model's context."""
    counted: bool = True
    """False if arguments of the class quantise or spread the model in ways that this estimate does not cover."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The programs that are drawn from a model to evaluate it."""

    tasks: tuple[str, ...]
    programs: int
    tokens: int
    """Most tokens of all programs together."""
    longest: int
    """Most tokens of one program."""
    engine: EvaluationEngine = EvaluationEngine()

    def up_to(self, average: int) -> "Evaluation":
        """Return the same evaluation with at most ``average`` tokens per program."""
        tokens = min(self.tokens, self.programs * average)
        return replace(self, tokens=tokens, longest=min(self.longest, average))

    def sequence(self, size: ModelSize) -> int:
        """Return the length of the longest sequence for which there must be room, in tokens, prompt included."""
        context = self.engine.context or size.context or LARGEST_WHOLE
        return context if self.engine.vllm and context < LARGEST_WHOLE else min(PROMPT_TOKENS + self.longest, context)

    def hours(self, size: ModelSize) -> float:
        """Return an upper bound of the hours of one GPU."""
        return sampling_hours(size, self.tokens, PROMPT_TOKENS + self.longest)

    def memory(self, size: ModelSize, *, stored: int, half: bool) -> SamplingMemory | None:
        """Return the memory that each device needs; None if it cannot be estimated.

        ``stored`` is the checkpoint's bytes per parameter; ``half`` is true for an accelerator.
        """
        engine = self.engine
        if not engine.counted:
            return None
        usual = (min(stored, 2) if engine.vllm else stored) if half else 4
        each, sequence = engine.weight_bytes or usual, self.sequence(size)
        columns = sequence if engine.vllm else with_spare(sequence)
        cache = cache_bytes(size, columns, each)
        return SamplingMemory(size.parameters * each / engine.devices, cache / engine.devices, engine.share)
