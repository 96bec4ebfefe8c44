"""In which words a model of ours is asked, and whether it was trained in others."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ssd_harness import prompt_styles
from ssd_harness.artifacts import registry
from ssd_harness.harness import evaluation_request
from ssd_harness.harness.evaluation_request import EvaluationRequest
from ssd_harness.harness.task.task_prompt import NOTE, asked_prompt, difference, with_instruction
from ssd_harness.prompt_styles import PromptTemplate
from ssd_harness.prompts import prompt_style
from ssd_harness.scoring.options import evaluation_options


@dataclass(frozen=True, slots=True)
class PromptStyle:
    """The prompt style of a recipe, with its system message, as the evaluation follows it."""

    template: PromptTemplate
    trained: bool = True
    """Whether there is a training; False for a base model."""
    raw: bool = False
    """Whether the training had no chat template around it, although the style is a chat turn."""
    in_style: int | None = None
    """Training prompts in the style's words; the others stand as their source has them. None: not known."""

    def announce(self, tell: Callable[[str], None], *, follow: bool = True) -> str | None:
        """Hand the style to the tasks of the running evaluation; return and tell how that differs from the training.

        Without ``follow`` they keep the default's words, as the model of another class does.
        """
        request = evaluation_request.current()
        if request is None:
            return None
        template = self.template if follow else prompt_styles.load(prompt_styles.DEFAULT)
        request.notes[NOTE] = template, None
        found = self._difference(request)
        request.notes[NOTE] = template, found
        if found:
            tell(f"  {found}")
        return found

    def block(self) -> dict[str, Any]:
        """Return what the results say about training, evaluation and how they differ."""
        request = evaluation_request.current()
        asked = bool(request and request.own_tasks)
        training = {**_about(self.template, raw=self.raw), "in_style": self.in_style} if self.trained else None
        evaluation = _about(_asked(request)) if request and asked else None
        words = difference(request) if asked else None
        return {"training": training, "evaluation": evaluation, "differ": bool(words), "difference": words}

    def _difference(self, request: EvaluationRequest) -> str | None:
        if not (self.trained and request.own_tasks):
            return None
        mine, asked = self.template, _asked(request)
        parts = []
        if (mine.stdin, mine.functional, mine.exact) != (asked.stdin, asked.functional, asked.exact):
            parts.append("words")
        if mine.system != asked.system:
            parts.append("system message")
        if (mine.chat and not self.raw) != asked.chat:
            parts.append("form")
        if not parts:
            return None
        trained, evaluated = _words(mine, raw=self.raw), _words(asked)
        which = ", ".join(parts)
        return f"the prompts of training and evaluation differ in {which}: training {trained}; evaluation {evaluated}"


def announce_folder(request: EvaluationRequest, tell: Callable[[str], None]) -> None:
    """Tell how the evaluation differs from the training of a checkpoint of ours that another model class loads."""
    named = str(request.model_args.get("pretrained") or "")
    made = registry.at(Path(named)) if named and Path(named).is_dir() else None
    if made is None or not prompt_style.is_known(made.manifest):
        return
    template = prompt_style.of_manifest(made.manifest, f"manifest of {made.name}")
    raw = made.manifest["recipe"].get("prompt_format") == "raw" and template.chat
    PromptStyle(template, raw=raw).announce(tell, follow=False)


def _asked(request: EvaluationRequest) -> PromptTemplate:
    options = evaluation_options(request.metadata, strict=False)
    return with_instruction(asked_prompt(request, options.prompt), request.system_instruction)


def _about(template: PromptTemplate, *, raw: bool = False) -> Mapping[str, Any]:
    form = "raw text" if raw or not template.chat else "chat"
    return {
        "name": template.name,
        "sha256": template.sha256,
        "system_message": template.system,
        "form": form,
    }


def _words(template: PromptTemplate, *, raw: bool = False) -> str:
    form = ", raw text" if raw or not template.chat else ""
    system = ", with a system message" if template.system is not None else ""
    return f"{template.shown}{form}{system}"
