"""Write the reference pages and README.md's table of costs from the code; ``--check`` compares instead of writing."""

import ast
import enum
import inspect
import itertools
import json
import os
import re
import sys
import textwrap
import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass, replace
from pathlib import Path

os.environ["COLUMNS"] = "100"  # argparse wraps at the terminal's width

import ssd_harness
from ssd_harness.cli.main import COMMANDS, parser
from ssd_harness.distill.estimate import USUAL_TOKENS
from ssd_harness.engines import contracts as engine_contracts
from ssd_harness.errors import ExitCode
from ssd_harness.estimates.evaluation_cost import Evaluation
from ssd_harness.estimates.machine import usual_gpu
from ssd_harness.estimates.model_size import ModelSize, size_of
from ssd_harness.estimates.training_cost import Cost, cost_of
from ssd_harness.estimates.training_fit import need_of
from ssd_harness.extensions import components, contracts, hookspecs
from ssd_harness.extensions.plugin_manager import load
from ssd_harness.harness.models.cost_inputs import standard_evaluation
from ssd_harness.harness.task.task_names import TASKS
from ssd_harness.recipe.definition import FIELDS, side_of
from ssd_harness.recipe.presets import launches, presets
from ssd_harness.recipe.resolution import resolve
from ssd_harness.results.published_files import json_schemas
from ssd_harness.sandbox import interface

HERE = Path(__file__).resolve().parent
HEADER = "<!-- Written by docs/generate.py; change the code, then run it again. -->\n\n"
PROMPTS = 10_168
"""As many as the paper's set has."""
COSTS = re.compile(r"(?<=<!-- costs: written by docs/generate.py -->\n\n).*?(?=<!-- end of costs -->)", re.DOTALL)


CONTRACTS = {
    "Contracts": contracts,
    "Contracts of engines": engine_contracts,
    "Contracts of sandboxes": interface,
}
"""Modules whose classes the factories of a plugin return and are given."""


def commands() -> str:
    """Return every command's help text and the table of exit codes."""
    parts = [HEADER, "# Commands\n\n```text\n", parser().format_help(), "```\n"]
    for name in COMMANDS:
        root = parser(name)
        action = next(item for item in root._actions if item.dest == "command")  # noqa: SLF001 - argparse has no public way
        parts += [f"\n## `ssd-harness {name}`\n"]
        parts += ["\n```text\n", action.choices[name].format_help(), "```\n"]
        nested = [item for item in action.choices[name]._actions if isinstance(item.choices, dict)]  # noqa: SLF001 - as above
        for group in nested:
            for word, child in group.choices.items():
                parts += [f"\n### `ssd-harness {name} {word}`\n\n```text\n", child.format_help(), "```\n"]
    return "".join(parts)


def exit_codes() -> str:
    """Return the table of exit codes."""
    meanings = {
        ExitCode.DONE: "The command did what was asked.",
        ExitCode.REGRESSION: "`ssd-harness gate` found a regression.",
        ExitCode.USAGE: "The command line, a recipe or an option is wrong. Nothing was started.",
        ExitCode.INFRASTRUCTURE: (
            "The engine, the data or the disk failed, or some programs have no verdict because of an internal error. "
            "Fix the cause and give the same command again: it continues from what is finished."
        ),
        ExitCode.INCONCLUSIVE: "`ssd-harness gate` could not decide, and `--on-inconclusive fail` was set.",
        ExitCode.INTERRUPTED: "Ctrl-C. Give the same command again: it continues from what is finished.",
    }
    intro = "Every `ssd-harness` command, and `lm_eval` with a model or task of ssd-harness, ends with one of:\n\n"
    parts = [HEADER, "# Exit codes\n\n", intro, "| code | name | meaning |\n| --- | --- | --- |\n"]
    parts += [f"| {code.value} | `{code.name}` | {meanings[code]} |\n" for code in ExitCode]
    return "".join(parts)


def hooks() -> str:
    """Return how to write a plugin, every hook with its component's fields, and the contracts of their factories."""
    manager = load(outside=False)
    parts = [HEADER, "# Plugins and hooks\n\n", _page(hookspecs), "\n"]
    parts.append("\n## Hooks\n")
    for kind in components.TYPES:
        names = ", ".join(f"`{name}`" for name in manager.components(kind))
        parts.append(f"\n### `{kind.hook}` returns `{kind.__name__}`\n\n{_page(kind)}\n\nBuilt in: {names}.\n")
        parts.append(_table(kind))
    for title, module in CONTRACTS.items():
        parts.append(f"\n## {title}\n\nIn `{module.__name__}`.\n")
        for name, contract in vars(module).items():
            public = getattr(contract, "__module__", "") == module.__name__ or name in getattr(module, "__all__", ())
            if inspect.isclass(contract) and public:
                parts.append(f"\n### `{name}`\n\n{_page(contract)}\n")
                parts.append(_table(contract) if is_dataclass(contract) else _members(contract))
    return "".join(parts)


def _table(kind: type) -> str:
    """Return the fields of a dataclass, each with the text below its declaration."""
    texts = {name: text for parent in reversed(kind.__mro__) for name, text in _field_texts(parent).items()}
    rows = []
    for declared in fields(kind):
        default = "" if declared.default is MISSING else f" = {declared.default!r}"
        rows.append(f"| `{declared.name}{default}` | {texts.get(declared.name, '')} |\n")
    return "".join(["\n| field | meaning |\n| --- | --- |\n", *rows])


def _field_texts(kind: type) -> dict[str, str]:
    if kind is object:
        return {}
    texts = {}
    for statement, below in itertools.pairwise(_body(kind)):
        match statement, below:
            case (
                ast.AnnAssign(target=ast.Name(id=name)) | ast.Assign(targets=[ast.Name(id=name)]),
                ast.Expr(value=ast.Constant(value=str() as text)),
            ):
                texts[name] = _plain(text)
    return texts


def _members(contract: type) -> str:
    """Return the values of an enumeration, or the methods of a protocol with their signatures as they are written."""
    if issubclass(contract, enum.Enum):
        return (
            "".join(
                f"\n- `{member.value}` {_field_texts(contract).get(member.name, '')}".rstrip() for member in contract
            )
            + "\n"
        )
    return "".join(
        f"\n`{node.name}({arguments}) -> {ast.unparse(node.returns)}`: {_plain(ast.get_docstring(node) or '')}\n"
        for node in _body(contract)
        if isinstance(node, ast.FunctionDef) and node.returns and ast.get_docstring(node)
        for arguments in [ast.unparse(node.args).removeprefix("self").removeprefix(", ")]
    )


def _body(kind: type) -> list[ast.stmt]:
    (tree,) = ast.parse(inspect.getsource(kind)).body
    assert isinstance(tree, ast.ClassDef)
    return tree.body


def _page(item: object) -> str:
    """Return a docstring as Markdown."""
    return _markdown(inspect.cleandoc(item.__doc__ or ""))


def _plain(text: str) -> str:
    """Return a docstring as one line of Markdown, for a cell of a table."""
    return " ".join(_markdown(text).split()).replace("|", "\\|")


def _markdown(text: str) -> str:
    names = re.sub(r":(?:class|func|meth|data):`~?(?:\w+\.)*(\w+)`", r"`\1`", text).replace("``", "`")
    return names.replace("::\n", ":\n")


SIDES = {
    "train": ("Training", "These fields shape the checkpoint and are part of its fingerprint."),
    "eval": ("Evaluation", "These fields decide how the checkpoint is decoded. They are not part of the fingerprint."),
    "run": ("Execution", "These fields decide how and where the work runs. They are not part of the fingerprint."),
}


def recipe() -> str:
    """Return every recipe field with its default and meaning, and the recipes that ship with the package."""
    parts = [HEADER, "# Recipe fields\n"]
    for side, (title, text) in SIDES.items():
        parts += [f"\n## {title}\n\n{text}\n\n| field | default | meaning |\n| --- | --- | --- |\n"]
        for name, known in FIELDS.items():
            if side_of(name) == side:
                parts.append(f"| `{name}` | `{_word(known.default)}` | {_cell(known.metadata['meaning'])} |\n")
    parts += ["\n## Recipes for models\n\n"]
    parts += ["A recipe is used when the model's id, or the last part of its path, is in the second column.\n\n"]
    parts += ["| recipe | model | fields that differ from the defaults |\n| --- | --- | --- |\n"]
    for preset in presets().values():
        models = ", ".join(f"`{model}`" for model in preset.models)
        fields = {name: value for name, value in preset.fields.items() if value != FIELDS[name].default}
        parts.append(f"| `{preset.name}` | {models} | {_fields(fields)} |\n")
    parts += ["\n## Recipes for GPUs\n\n"]
    parts += ["These are given as `recipe=NAME` and are applied on top of the model's own recipe.\n\n"]
    parts += ["| recipe | GPUs | fields |\n| --- | --- | --- |\n"]
    for launch in launches().values():
        gpus = f"{launch.fields.get('gpus', 1)} x {launch.gpu_gb:.0f} GB"
        parts.append(f"| `{launch.name}` | {gpus} | {_fields(launch.fields)} |\n")
    return "".join(parts)


def _word(value: object) -> str:
    words = {None: "none", True: "true", False: "false"}
    return words[value] if value is None or isinstance(value, bool) else str(value)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _fields(fields: Mapping[str, object]) -> str:
    return ", ".join(f"`{name}={_word(value)}`" for name, value in fields.items())


def tasks() -> str:
    """Return the lm-eval tasks with their releases and windows."""
    parts = [HEADER, "# Tasks\n\n", "All of these have the tag `livecodebench`.\n\n"]
    parts += ["| task | release | window |\n| --- | --- | --- |\n"]
    for name, (release, window) in TASKS.items():
        parts.append(f"| `{name}` | `{release}` | `{window}` |\n")
    parts.append(
        "\nA *release* is a cumulative version of the data set. A *window* is a range of contest dates within it. "
        "[What is measured](../explanation/measurement.md) explains why the two differ.\n\n"
        "`--metadata` changes any of it for one run: "
        """`--metadata '{"release": "v6", "window": "2024-10..2025-01", "judge": "stdio", "repeats": 20}'`.\n"""
    )
    return "".join(parts)


GROUPS = {
    "Functions": inspect.isroutine,
    "Errors": lambda value: inspect.isclass(value) and (issubclass(value, Exception) or value is ExitCode),
    "Components of plugins": lambda value: getattr(value, "__module__", "") == components.__name__,
    "Contracts of plugins": lambda value: getattr(value, "__module__", "") == contracts.__name__,
    "Recipe and results": inspect.isclass,
}
"""Headings of the API page; a name belongs to the first one that fits."""


def python_api() -> str:
    """Return the page from which mkdocstrings documents what ``ssd_harness`` exports."""
    names = getattr(ssd_harness, "__all__", ())
    exported = {name: inspect.unwrap(getattr(ssd_harness, name)) for name in names}
    grouped: dict[str, list[str]] = {title: [] for title in ("Functions", "Recipe and results", *GROUPS)}
    for name, value in sorted(exported.items()):
        title = next((title for title, fits in GROUPS.items() if fits(value)), "")
        if title:
            path = f"{value.__module__}.{value.__qualname__}"
            options = f"    options:\n      heading: ssd_harness.{name}\n      toc_label: {name}\n"
            if name == "Recipe":  # its fields have a page of their own
                options += "      show_signature: false\n"
            grouped[title].append(f"::: {path}\n{options}\n")
    parts = [HEADER, "# Python API\n\n"]
    parts += ["Everything here is imported from `ssd_harness`. Nothing heavy is imported before it is used.\n\n"]
    parts += ["[Use it from Python](../how-to/python.md) has an example of each function.\n\n"]
    parts += ["`ssd_harness.__version__` is the installed version. "]
    parts += ["`ssd_harness.hookimpl` marks a function as a [hook](hooks.md).\n\n"]
    for title, blocks in grouped.items():
        parts += [f"## {title}\n\n", *blocks] if blocks else []
    return "".join(parts).rstrip() + "\n"


def schemas() -> str:
    """Return the list of the JSON schemas in docs/schemas."""
    parts = [HEADER, "# File schemas\n\n"]
    parts += ["JSON schemas of the files that the package publishes. A test validates real output against each.\n\n"]
    parts += ["A version grows when a field changes its meaning or goes away. Unknown keys are allowed.\n\n"]
    parts += ["| schema | what it describes |\n| --- | --- |\n"]
    for name, schema in json_schemas().items():
        text = " ".join(str(schema.get("description", schema.get("title", ""))).split("\n\n")[0].split()).replace(
            "``", "`"
        )
        parts.append(f"| [{name.removesuffix('.json')}](../schemas/{name}) | {_cell(text)} |\n")
    return "".join(parts)


def costs() -> str:
    """Return the table of what the shipped recipes for certain GPUs take, by the estimate that a plan prints."""
    lines = [
        (
            "| model | recipe | GPUs | peak memory of each | GPU-hours to sample + train + evaluate, at most | "
            f"GPU-hours if samples have {USUAL_TOKENS:,} tokens | disk at most, to keep |"
        ),
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for launch in sorted(launches().values(), key=lambda one: one.name):
        assert launch.gpu_gb
        for model in launch.models:
            size = size_of(model, None)
            assert size
            chosen = resolve(model, {"recipe": launch.name}).recipe
            shorter = replace(chosen, max_new_tokens_train=min(USUAL_TOKENS, chosen.max_new_tokens_train))
            most, usual = (cost_of(one, PROMPTS, size, stored=2, download=True) for one in (chosen, shorter))
            evaluation, gpu = standard_evaluation(chosen), usual_gpu(launch.gpu_gb)
            evaluating = evaluation.memory(size, stored=2, half=True)
            assert evaluating
            memory = max(need_of(chosen, size, gpu, stored=2).memory, evaluating.total)
            usual_evaluating = evaluation.up_to(USUAL_TOKENS)
            how = f"LoRA, {chosen.max_length_train:,} tokens" if chosen.lora_rank else "full fine-tuning"
            assert most.disk
            assert most.kept
            hours = f"{_hours(most, evaluation, size)} | {_hours(usual, usual_evaluating, size)}"
            lines.append(
                f"| {model} | `{launch.name}` ({how}) | {chosen.gpus} x {launch.gpu_gb:.0f} GB | {memory / 1e9:.0f} GB"
                f" | {hours} | {most.disk / 1e9:.0f} GB, {most.kept / 1e9:.0f} GB |"
            )
    return "\n".join(lines) + "\n"


def _hours(cost: Cost, evaluation: Evaluation, size: ModelSize) -> str:
    hours = (cost.sampling_h or 0, cost.training_h or 0, evaluation.hours(size))
    return " + ".join(f"{value:,.0f}" if value >= 1 else f"{value:.1g}" for value in hours)


EXAMPLE = HERE.parent / "examples" / "plugin" / "src" / "ssd_harness_brevity"


def plugins() -> str:
    """Return how-to/plugins.md with code that tests install and use: the hooks' docstring, and examples/plugin."""
    example = textwrap.dedent(
        inspect.cleandoc(hookspecs.__doc__ or "").partition("::\n\n")[2].partition("\nIts distr")[0]
    )
    code = {
        "filter": re.sub(r"\n\n(?=def |@)", "\n\n\n", example.strip()),  # as ruff formats a module
        "sampler": (EXAMPLE / "samplers.py").read_text(encoding="utf-8").strip(),
    }
    page = (HERE / "how-to" / "plugins.md").read_text(encoding="utf-8")
    for name, text in code.items():
        before, after = f"<!-- {name}: written by docs/generate.py -->", f"<!-- end of {name} -->"
        assert before in page
        assert after in page
        head, rest = page.split(before)
        page = f"{head}{before}\n\n```python\n{text}\n```\n\n{after}{rest.split(after)[1]}"
    return page


def readme() -> str:
    """Return README.md with the table of costs as it is now."""
    text, count = COSTS.subn(lambda _: f"{costs()}\n", (HERE.parent / "README.md").read_text(encoding="utf-8"))
    assert count == 1
    return text


KINDS = {
    "#dbeafe": ("distill", "prompts", "recipe", "prompt_styles"),
    "#dcfce7": ("harness", "scoring", "livecodebench", "judge", "results"),
    "#fef3c7": ("artifacts", "engines", "extensions", "estimates", "sandbox"),
}
"""Colours of the rooms' picture: the transform, the evaluation, and the services of both."""


def rooms() -> str:
    """Return a picture of the import contract's layers, from the highest to the lowest."""
    contracts = tomllib.loads((HERE.parent / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    layers = next(contract["layers"] for contract in contracts if contract["type"] == "layers")
    width, height, gap = 860, 34, 10
    whole = len(layers) * (height + gap) + gap
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {whole}" role="img">',
        "<title>The packages in layers, the highest first; each imports only what is below it.</title>",
        "<style>text{font:14px sans-serif;fill:#1f2328;text-anchor:middle}rect{stroke:#7a828b;rx:5px}</style>",
    ]
    for row, layer in enumerate(layers):
        names = [name.strip(" ()").removeprefix("ssd_harness.") for name in layer.replace(":", "|").split("|")]
        room = (width - gap) / len(names)
        for column, name in enumerate(names):
            x, y = gap + column * room, gap + row * (height + gap)
            colour = next((colour for colour, rooms in KINDS.items() if name in rooms), "#eaeef2")
            parts.append(f'<rect x="{x:g}" y="{y}" width="{room - gap:g}" height="{height}" fill="{colour}"/>')
            parts.append(f'<text x="{x + (room - gap) / 2:g}" y="{y + 22}">{name}</text>')
    return "\n".join([*parts, "</svg>\n"])


REFERENCE = (commands, exit_codes, hooks, python_api, recipe, schemas, tasks)
"""Each returns the page of its name."""


def main() -> int:
    """Write the pages, or with ``--check`` compare them and return 1 when one is stale."""
    stale = []
    pages = {f"reference/{page.__name__.replace('_', '-')}.md": page() for page in REFERENCE}
    pages |= {f"schemas/{name}": json.dumps(schema, indent=2) + "\n" for name, schema in json_schemas().items()}
    for name, text in (
        pages | {"../README.md": readme(), "rooms.svg": rooms(), "how-to/plugins.md": plugins()}
    ).items():
        page = HERE / name
        if "--check" not in sys.argv:
            page.write_text(text, encoding="utf-8")
        elif not page.exists() or page.read_text(encoding="utf-8") != text:
            stale.append(name)
    if stale:
        print(f"stale: {', '.join(stale)}; run python docs/generate.py")
    return bool(stale)


if __name__ == "__main__":
    raise SystemExit(main())
