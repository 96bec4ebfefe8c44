"""A checkpoint is known by its files: architecture and sizes, chat template, decoding."""

import json

import pytest

from ssd_harness.cli.main import main
from ssd_harness.errors import ExitCode, UsageError
from ssd_harness.recipe import recognition
from ssd_harness.recipe.resolution import resolve

LLAMA = {
    "model_type": "llama",
    "hidden_size": 4096,
    "num_hidden_layers": 32,
    "vocab_size": 128256,
    "max_position_embeddings": 131072,
}
QWEN_4B = {
    "model_type": "qwen3",
    "hidden_size": 2560,
    "num_hidden_layers": 36,
    "vocab_size": 151936,
    "max_position_embeddings": 262144,
}
QWEN_30B = {
    **QWEN_4B,
    "model_type": "qwen3_moe",
    "hidden_size": 2048,
    "num_hidden_layers": 48,
    "num_experts": 128,
}
GPT_OSS = {
    "model_type": "gpt_oss",
    "hidden_size": 2880,
    "num_hidden_layers": 24,
    "num_local_experts": 32,
    "vocab_size": 201088,
}
TURNS = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>{% endfor %}"
INSTRUCT = TURNS + r"{%- if add_generation_prompt %}{{- '<|im_start|>assistant\n' }}{%- endif %}"
THINKING = TURNS + r"{%- if add_generation_prompt %}{{- '<|im_start|>assistant\n<think>\n' }}{%- endif %}"
HYBRID = TURNS + (
    r"{%- if add_generation_prompt %}{{- '<|im_start|>assistant\n' }}"
    r"{%- if enable_thinking is false %}{{- '<think>\n\n</think>\n\n' }}{%- endif %}{%- endif %}"
)
CODER = "<function=name>" + INSTRUCT
LLAMA_3 = "<|start_header_id|>{% if add_generation_prompt %}assistant{% endif %}"
R1_LLAMA = "{% if add_generation_prompt %}<think>\n{% endif %}"
COOL, WARM = {"temperature": 0.7, "top_p": 0.8, "top_k": 20}, {"temperature": 0.6, "top_p": 0.95, "top_k": 20}


@pytest.fixture
def model(tmp_path):
    """Write a model folder without weights."""

    def write(config, template=None, generation=None, name="anything"):
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        (folder / "config.json").write_text(json.dumps({"architectures": ["X"], **config}))
        if template is not None:
            (folder / "chat_template.jinja").write_text(template)
        if generation is not None:
            (folder / "generation_config.json").write_text(json.dumps(generation))
        return folder

    return write


def preset_of(folder, **overrides):
    return resolve(str(folder), overrides, folder=folder).preset


@pytest.mark.parametrize(
    ("config", "template", "generation", "preset"),
    [
        (LLAMA, LLAMA_3, None, "llama-3.1-8b-instruct"),
        (QWEN_4B, INSTRUCT, COOL, "qwen3-4b-instruct-2507"),
        (QWEN_4B, THINKING, WARM, "qwen3-4b-thinking-2507"),
        (QWEN_30B, INSTRUCT, COOL, "qwen3-30b-a3b-instruct-2507"),
        (QWEN_30B, THINKING, WARM, "qwen3-30b-a3b-thinking-2507"),
        (GPT_OSS, None, None, "gpt-oss-20b"),
        # One of the two signs is enough.
        (QWEN_4B, None, COOL, "qwen3-4b-instruct-2507"),
        (QWEN_4B, None, WARM, "qwen3-4b-thinking-2507"),
        (QWEN_30B, INSTRUCT, None, "qwen3-30b-a3b-instruct-2507"),
        (QWEN_30B, THINKING, {"temperature": 1.0, "top_p": 1.0}, "qwen3-30b-a3b-thinking-2507"),
        # Other models of the same family or sizes have no recipe.
        ({**QWEN_4B, "max_position_embeddings": 40960}, HYBRID, WARM, None),
        ({**QWEN_4B, "hidden_size": 4096}, INSTRUCT, COOL, None),
        ({**QWEN_4B, "vocab_size": 152000}, INSTRUCT, COOL, None),
        ({**QWEN_4B, "model_type": "qwen2"}, INSTRUCT, COOL, None),
        (QWEN_30B, CODER, COOL, None),
        (LLAMA, R1_LLAMA, WARM, None),
        ({**GPT_OSS, "num_hidden_layers": 36, "num_local_experts": 128}, None, None, None),
    ],
)
def test_a_folder_of_any_name_is_known_by_its_files(model, config, template, generation, preset):
    resolved = resolve("x", folder=model(config, template, generation))
    assert resolved.preset == preset
    assert resolved.because == ("by its config.json" if preset else "")
    if preset:
        assert resolved.origins["T_train"] == f"preset {preset}"


@pytest.mark.parametrize(
    ("template", "generation"), [(None, None), (None, {"temperature": 1}), (INSTRUCT, WARM), (THINKING, COOL)]
)
def test_what_its_files_leave_open_is_asked(model, template, generation):
    folder = model(QWEN_4B, template, generation)
    with pytest.raises(UsageError) as error:
        preset_of(folder)
    assert "recipe=qwen3-4b-instruct-2507 or recipe=qwen3-4b-thinking-2507" in str(error.value)
    assert preset_of(folder, recipe="qwen3-4b-thinking-2507") == "qwen3-4b-thinking-2507"
    assert preset_of(folder, recipe="none") is None
    assert preset_of(folder, rounds=0) is None


def test_a_base_model_with_the_sizes_of_an_instruct_model_is_asked_about(model):
    with pytest.raises(UsageError, match=r"recipe=llama-3\.1-8b-instruct, or recipe=none"):
        preset_of(model(LLAMA))


def test_the_folders_name_decides_between_what_its_files_leave_open(model):
    folder = model(QWEN_4B, name="Qwen3-4B-Thinking-2507")
    resolved = resolve(str(folder), folder=folder)
    assert (resolved.preset, resolved.because) == ("qwen3-4b-thinking-2507", "by its config.json and its name")


def test_a_name_does_not_overrule_what_the_files_say(model):
    assert preset_of(model(QWEN_4B, THINKING, WARM, name="Qwen3-4B-Instruct-2507")) == "qwen3-4b-thinking-2507"
    assert preset_of(model({**QWEN_4B, "hidden_size": 32}, name="Qwen3-4B-Instruct-2507")) is None


def test_templates_are_read_where_older_tokenizers_have_them(model):
    folder = model(QWEN_4B)
    named = [{"name": "default", "template": THINKING}, {"name": "rag", "template": INSTRUCT}]
    for value in (THINKING, named):
        (folder / "tokenizer_config.json").write_text(json.dumps({"chat_template": value}))
        assert preset_of(folder) == "qwen3-4b-thinking-2507"


@pytest.mark.parametrize("content", [b"\xff\xfe", b"[1]", b'{"model_type": ' + b"[" * 100_000, b"not json"])
def test_files_that_are_no_settings_mean_no_preset(model, content):
    folder = model(QWEN_4B, INSTRUCT)
    (folder / "config.json").write_bytes(content)
    assert preset_of(folder) is None
    (folder / "config.json").write_text(json.dumps(QWEN_4B))
    (folder / "generation_config.json").write_bytes(content)
    (folder / "tokenizer_config.json").write_bytes(content)
    assert preset_of(folder) == "qwen3-4b-instruct-2507"


def test_a_chosen_preset_takes_the_place_of_the_models_own():
    resolved = resolve("openai/gpt-oss-20b", {"recipe": "qwen3-4b-instruct-2507"})
    assert (resolved.preset, resolved.recipe.T_train) == ("qwen3-4b-instruct-2507", 1.6)
    assert (resolved.recipe.reasoning_effort, resolved.recipe.dequantize) == (None, False)
    assert resolve("openai/gpt-oss-20b", {"recipe": "none"}).recipe.prompts is None


def test_recipe_show_says_how_the_recipe_was_found(state, model, capsys):
    folder = model(QWEN_30B, THINKING, WARM)
    assert main(["recipe", "show", str(folder)]) == ExitCode.DONE
    out = capsys.readouterr().out
    assert out.startswith("recipe qwen3-30b-a3b-thinking-2507, by its config.json\n")
    assert main(["recipe", "show", str(model(QWEN_4B, INSTRUCT, WARM, name="torn"))]) == ExitCode.USAGE
    assert "recipe=none" in capsys.readouterr().err


def test_thinks_tells_three_kinds_of_template():
    assert [recognition.thinks(t) for t in (INSTRUCT, THINKING, HYBRID, "no turn is asked for")] == [
        False,
        True,
        None,
        False,
    ]
