"""The recipe's prompt style: whose texts, in which prompts, and what of them counts."""

import json

import pytest

from ssd_harness.artifacts import registry
from ssd_harness.cli.main import main
from ssd_harness.distill.planning import make_plan
from ssd_harness.distill.resolving import checkpoint_to_evaluate, resolve_for
from ssd_harness.errors import ExitCode, UsageError
from ssd_harness.prompts import prompt_set, prompt_style
from ssd_harness.recipe.definition import Recipe
from ssd_harness.recipe.resolution import resolve

TEXTS = {
    "stdin": "Read: {{question_content}}",
    "functional": "{{question_title}}|{{question_content}}|{{starter_code}}",
}


@pytest.fixture
def folder(tmp_path):
    """A folder of texts."""
    return write(tmp_path / "style")


def write(folder, **texts):
    folder.mkdir(exist_ok=True)
    for name, text in {**TEXTS, **texts}.items():
        (folder / f"{name}.txt").write_text(text)
    return folder


@pytest.fixture
def plan(state):
    """Plan for the embedded model, which reads no other model's files."""

    def plan(**fields):
        return make_plan("demo", {"prompt_limit": 4, **fields}, tell=lambda _: None, goal="none")

    return plan


@pytest.fixture
def collect(state, tmp_path):
    def collect(*rows, **fields):
        path = tmp_path / "p.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        found = prompt_set.collect(Recipe(prompts=str(path), **fields))
        return found, [prompt.messages for prompt in found]

    return collect


def settled(**fields):
    return prompt_style.resolve_style(resolve("some/model", {"prompts": "x.jsonl", **fields}), "some/model")


# What is put into the words.


def test_problems_are_always_in_the_words_and_other_prompts_where_a_style_is_given(collect, folder):
    problem = {"q": "Add.", "code": "def f():", "question_title": "Sum"}
    as_problem = {"prompt_column": "q", "starter_column": "code"}
    found, (turns,) = collect(problem, **as_problem)
    assert turns == (("user", turns[0][1]),)
    assert turns[0][1].startswith("Add.\n\nSolve this problem in Python")
    assert found.in_style == 1
    _, (turns,) = collect(problem, **as_problem, prompt_style=f"file:{folder}")
    assert turns == (("user", "Sum|Add.|def f():"),)
    found, (turns,) = collect({"prompt": "Say {{starter_code}}."})
    assert (turns, found.in_style) == ((("user", "Say {{starter_code}}."),), 0)
    found, (turns,) = collect({"prompt": "Say {{starter_code}}."}, prompt_style=f"file:{folder}")
    assert (turns, found.in_style) == ((("user", "Read: Say {{starter_code}}."),), 1)


def test_a_problem_keeps_its_name_whatever_the_words(collect, folder):
    row, fields = {"q": "Add.", "code": ""}, {"prompt_column": "q", "starter_column": "code"}
    names = [
        [prompt.id for prompt in collect(row, **fields, **style)[0]]
        for style in ({}, {"prompt_style": f"file:{folder}"})
    ]
    assert names[0] == names[1]


def test_a_conversation_cannot_be_put_into_words(collect, folder):
    turns = [{"role": role, "content": role} for role in ("user", "assistant", "user")]
    assert len(collect({"messages": turns})[1][0]) == 3
    with pytest.raises(UsageError, match="is a conversation"):
        collect({"messages": turns}, prompt_style=f"file:{folder}")
    _, (asked,) = collect({"system": "S", "conversations": turns[:1]}, prompt_style=f"file:{folder}")
    assert asked == (("system", "S"), ("user", "Read: user"))


def test_the_system_message_is_the_styles_or_the_recipes(collect, folder):
    write(folder, system="Be brief.")
    assert collect({"prompt": "a"}, prompt_style=f"file:{folder}")[1] == [
        (("system", "Be brief."), ("user", "Read: a"))
    ]
    assert collect({"prompt": "a"}, system_message="{{x}}")[1] == [(("system", "{{x}}"), ("user", "a"))]


# What counts.


@pytest.mark.hf
def test_the_texts_count_and_their_folder_does_not(plan, folder, tmp_path):
    known = plan(prompt_style=f"file:{folder}")
    assert known.fingerprint != plan().fingerprint
    moved = tmp_path / "moved"
    folder.rename(moved)
    again = plan(prompt_style=f"file:{moved}")
    assert (again.fingerprint, again.rounds[0].samples) == (known.fingerprint, known.rounds[0].samples)
    for name, text in TEXTS.items():
        write(moved, **{name: f"{text}!"})
        assert plan(prompt_style=f"file:{moved}").fingerprint != known.fingerprint, name
    write(moved, system="S")
    assert plan(prompt_style=f"file:{moved}").fingerprint != known.fingerprint
    (moved / "system.txt").unlink()
    write(moved)
    (moved / "notes.txt").write_text("of no account")
    assert plan(prompt_style=f"file:{moved}").fingerprint == known.fingerprint


@pytest.mark.hf
def test_the_default_by_name_makes_what_the_default_makes(plan):
    assert plan(prompt_style="ssd/chat").fingerprint == plan(prompt_style="none").fingerprint == plan().fingerprint


# What is refused.


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda folder: (folder / "stdin.txt").unlink(), r"No such file or directory \[.*stdin.txt\]"),
        (lambda folder: (folder / "functional.txt").unlink(), r"No such file or directory \[.*functional.txt\]"),
        (lambda folder: (folder / "system.txt").symlink_to("nowhere"), r"No such file or directory \[.*system.txt\]"),
        (lambda folder: write(folder, stdin="Solve it."), r"does not contain the problem \[.*stdin.txt\]"),
        (lambda folder: write(folder, functional="{{question}}"), r"unknown placeholder \{\{question\}\}"),
        (lambda folder: (folder / "stdin.txt").write_bytes(b"\xff{{question_content}}"), "not UTF-8"),
        (lambda folder: write(folder, stdin="{{question_content}}" + "x" * (1 << 20)), "File too large"),
        (
            lambda folder: write(folder, system="S", **dict.fromkeys(TEXTS, "{{question_content}}\n```python\n")),
            r"a raw completion cannot have a system message \[.*system.txt\]",
        ),
    ],
)
def test_useless_texts_end_every_command_before_anything_is_sampled(state, folder, capsys, change, reason):
    change(folder)
    for words in (["distill", "demo", "--dry-run"], ["distill", "demo"], ["recipe", "show", "demo"]):
        words.insert(len(words) if words[0] == "recipe" else 2, f"prompt_style=file:{folder}")
        assert main(words) == ExitCode.USAGE
        printed = capsys.readouterr().err
        assert printed.count("\n") == 1, printed
        with pytest.raises(AssertionError, match=reason):
            raise AssertionError(printed)
    assert not (state / "training").exists()


@pytest.mark.parametrize("name", ["official", "file:", "ssd/chat "])
def test_an_unknown_style_lists_the_known_ones(name):
    with pytest.raises(UsageError, match=r"ssd/chat, ssd/chat-system, ssd/completion or file:FOLDER"):
        resolve("m", {"prompt_style": name})


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"prompt_style": "ssd/chat-system", "system_message": "S"}, "already has a system message"),
        ({"prompt_style": "ssd/chat-system", "prompt_format": "raw"}, "cannot use"),
        ({"prompt_style": "ssd/completion", "system_message": "S"}, "is a raw completion, which has none"),
        ({"prompt_style": "ssd/completion", "prompt_format": "chat"}, "is a raw completion"),
    ],
)
def test_fields_that_contradict_the_style_are_refused(fields, reason):
    with pytest.raises(UsageError, match=reason):
        settled(**fields)


# Whose texts.


def test_a_raw_completion_needs_no_other_field():
    resolved, style = settled(prompt_style="ssd/completion")
    assert (resolved.recipe.prompt_format, resolved.origins["prompt_format"]) == ("raw", "prompt_style")
    assert style.opens_block


def test_another_style_takes_form_and_system_message_of_the_layer_below_away():
    made = ("manifest of a", {"prompt_style": "ssd/completion", "prompt_format": "raw", "system_message": None})
    recipe = resolve("ssd:a", {"prompt_style": "ssd/chat"}, inherited=made).recipe
    assert recipe.prompt_format == "chat"
    spoken = ("manifest of a", {"prompt_style": None, "prompt_format": "chat", "system_message": "S"})
    assert resolve("ssd:a", inherited=spoken).recipe.system_message == "S"
    assert resolve("ssd:a", {"prompt_style": "ssd/chat-system"}, inherited=spoken).recipe.system_message is None


@pytest.fixture
def register(state, tmp_path):
    """Register an empty checkpoint called ``old`` with a recipe."""

    def register(recipe, **more):
        work = tmp_path / "work"
        work.mkdir()
        (work / "config.json").write_text("{}")
        manifest = {"fingerprint": "ab" * 32, "base": {"name": "demo"}, "recipe": recipe, "rounds": [], **more}
        return registry.register("old", work, manifest)

    return register


def test_a_manifest_from_before_the_field_keeps_its_system_message(register):
    register({"T_train": 1.1, "system_message": "S"})
    resolved, style = prompt_style.resolve_style(resolve_for("ssd:old", {}), "ssd:old")
    whole = prompt_style.with_system_message(style, resolved.recipe)
    assert (whole.name, whole.system, whole.stdin) == ("ssd/chat", "S", style.stdin)


def test_a_checkpoint_keeps_the_texts_that_its_manifest_holds(register, folder):
    record = prompt_style.of_recipe(Recipe(prompt_style=f"file:{folder}")).record()
    register({"prompt_style": f"file:{folder}", "system_message": None}, prompt_style=json.loads(json.dumps(record)))
    write(folder, stdin="edited {{question_content}}")
    _, style = prompt_style.resolve_style(resolve_for("ssd:old", {}), "ssd:old")
    assert (style.stdin, style.sha256) == (TEXTS["stdin"], record["sha256"])
    _, style = prompt_style.resolve_style(resolve_for("ssd:old", {"prompt_style": f"file:{folder}"}), "ssd:old")
    assert style.stdin.startswith("edited")
    with pytest.raises(UsageError, match="asks it in other words"):
        checkpoint_to_evaluate("ssd:old", {"prompt_style": "ssd/chat"})


def test_texts_of_no_use_in_a_manifest_are_refused(register):
    register({"prompt_style": "file:x"}, prompt_style={"name": "file:x", "stdin": "Solve.", "functional": "Solve."})
    with pytest.raises(UsageError, match=r"does not contain the problem \[manifest of old\]"):
        prompt_style.resolve_style(resolve_for("ssd:old", {}), "ssd:old")
