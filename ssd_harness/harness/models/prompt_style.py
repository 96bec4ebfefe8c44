"""The prompt style of an evaluation of an ``ssd-*`` model, and its difference from that of the training."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ssd_harness import prompt_styles
from ssd_harness.artifacts import registry
from ssd_harness.harness import run_context
from ssd_harness.harness.evaluation_request import EvaluationRequest
from ssd_harness.harness.run_context import EvaluationPrompt
from ssd_harness.harness.task.evaluation_prompt import evaluation_prompt, with_instruction
from ssd_harness.prompt_styles import PromptTemplate
from ssd_harness.prompts import prompt_style
from ssd_harness.scoring.options import evaluation_options


@dataclass(frozen=True, slots=True)
class PromptStyle:
    """The prompt style of a recipe, with its system message."""

    template: PromptTemplate
    trained: bool = True
    """Whether the model was or will be trained; False for a base model."""
    raw: bool = False
    """Whether the training applied no chat template, although the style is a chat turn."""
    in_style: int | None = None
    """Number of training prompts in this style; the others are used as their source has them. None: unknown."""

    def announce(self, tell: Callable[[str], None], *, follow: bool = True) -> str | None:
        """Give the style to the tasks of the current evaluation; return and report how it differs from the training.

        Without ``follow`` the tasks keep the default style, as with models of other classes.
        """
        context = run_context.current()
        if context.request is None:
            return None
        template = self.template if follow else prompt_styles.load(prompt_styles.DEFAULT)
        context.prompt = EvaluationPrompt(template)
        difference = self._difference(context.request)
        context.prompt = EvaluationPrompt(template, difference)
        if difference:
            tell(f"  {difference}")
        return difference

    def block(self) -> dict[str, Any]:
        """Return the results' ``prompt_style``: training, evaluation and how they differ."""
        context = run_context.current()
        request = context.request if context.request and context.request.own_tasks else None
        training = {**_about(self.template, raw=self.raw), "in_style": self.in_style} if self.trained else None
        evaluation = _about(_prompt_for(request)) if request else None
        difference = context.prompt.difference if request and context.prompt else None
        return {"training": training, "evaluation": evaluation, "differ": bool(difference), "difference": difference}

    def _difference(self, request: EvaluationRequest) -> str | None:
        if not (self.trained and request.own_tasks):
            return None
        mine, evaluated = self.template, _prompt_for(request)
        parts = []
        if (mine.stdin, mine.functional, mine.exact) != (evaluated.stdin, evaluated.functional, evaluated.exact):
            parts.append("words")
        if mine.system != evaluated.system:
            parts.append("system message")
        if (mine.chat and not self.raw) != evaluated.chat:
            parts.append("form")
        if not parts:
            return None
        return (
            f"the prompts of training and evaluation differ in {', '.join(parts)}: "
            f"training {_description(mine, raw=self.raw)}; evaluation {_description(evaluated)}"
        )


def announce_folder(request: EvaluationRequest, tell: Callable[[str], None]) -> None:
    """Report how the evaluation differs from the training of one of our checkpoints in one of lm-eval's own classes."""
    pretrained = str(request.model_args.get("pretrained") or "")
    checkpoint = registry.at(Path(pretrained)) if pretrained and Path(pretrained).is_dir() else None
    if checkpoint is None or not prompt_style.is_known(checkpoint.manifest):
        return
    template = prompt_style.of_manifest(checkpoint.manifest, f"manifest of {checkpoint.name}")
    raw = checkpoint.manifest["recipe"].get("prompt_format") == "raw" and template.chat
    PromptStyle(template, raw=raw).announce(tell, follow=False)


def _prompt_for(request: EvaluationRequest) -> PromptTemplate:
    options = evaluation_options(request.metadata, strict=False)
    return with_instruction(evaluation_prompt(options.prompt), request.system_instruction)


def _about(template: PromptTemplate, *, raw: bool = False) -> Mapping[str, Any]:
    form = "raw text" if raw or not template.chat else "chat"
    return {
        "name": template.name,
        "sha256": template.sha256,
        "system_message": template.system,
        "form": form,
    }


def _description(template: PromptTemplate, *, raw: bool = False) -> str:
    form = ", raw text" if raw or not template.chat else ""
    system = ", with a system message" if template.system is not None else ""
    return f"{template.shown}{form}{system}"
