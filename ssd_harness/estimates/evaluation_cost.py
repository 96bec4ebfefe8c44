"""Estimate what an evaluation takes: programs, tokens, GPU time and memory."""

from dataclasses import dataclass, replace

from ssd_harness.engines.memory import with_spare
from ssd_harness.estimates.device_memory import SamplingMemory, cache_bytes
from ssd_harness.estimates.model_size import ModelSize
from ssd_harness.estimates.training_cost import PROMPT_TOKENS, sampling_hours
from ssd_harness.recipe.values import LARGEST_WHOLE


@dataclass(frozen=True, slots=True)
class EvaluationEngine:
    """How the model class will hold model and attention cache."""

    vllm: bool = False
    """vLLM wants room for one sequence of its whole context; the transformers engine for the longest one asked for."""
    weight_bytes: int | None = None
    """Bytes a parameter; None leaves it to the device: 4 on a CPU, those of the checkpoint on a GPU."""
    devices: int = 1
    """As many share weights and cache."""
    share: float = 1.0
    """Part of each device that may be used."""
    context: int | None = None
    """Most tokens of a sequence, where the user says; None leaves it to the model."""
    counted: bool = True
    """False where arguments of the class quantise or spread the model in ways that are not counted here."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The programs that are drawn from a model to evaluate it."""

    tasks: tuple[str, ...]
    programs: int
    tokens: int
    """Of all programs together, at most."""
    longest: int
    """Tokens of one program, at most."""
    engine: EvaluationEngine = EvaluationEngine()

    def up_to(self, average: int) -> "Evaluation":
        """Return the same programs with ``average`` tokens each, where they may be longer."""
        tokens = min(self.tokens, self.programs * average)
        return replace(self, tokens=tokens, longest=min(self.longest, average))

    def sequence(self, size: ModelSize) -> int:
        """Return the tokens of the longest sequence that there must be room for, prompt included."""
        context = self.engine.context or size.context or LARGEST_WHOLE
        return context if self.engine.vllm and context < LARGEST_WHOLE else min(PROMPT_TOKENS + self.longest, context)

    def hours(self, size: ModelSize) -> float:
        """Return the hours of one GPU, at most."""
        return sampling_hours(size, self.tokens, PROMPT_TOKENS + self.longest)

    def memory(self, size: ModelSize, *, stored: int, half: bool) -> SamplingMemory | None:
        """Return what each device needs; None where it cannot be counted.

        ``stored`` is the checkpoint's bytes a parameter; ``half`` says that the device is an accelerator.
        """
        engine = self.engine
        if not engine.counted:
            return None
        usual = (min(stored, 2) if engine.vllm else stored) if half else 4
        each, sequence = engine.weight_bytes or usual, self.sequence(size)
        columns = sequence if engine.vllm else with_spare(sequence)
        cache = cache_bytes(size, columns, each)
        return SamplingMemory(size.parameters * each / engine.devices, cache / engine.devices, engine.share)
