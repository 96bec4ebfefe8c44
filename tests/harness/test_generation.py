import copy
import json
import pickle

from ssd_harness.harness.generation import Generation, GenerationNote, note_of


def test_a_generation_is_its_text_and_keeps_its_note():
    made = Generation("print(1)", GenerationNote(7, "length"))
    for one in (made, copy.deepcopy(made), pickle.loads(pickle.dumps(made))):
        assert one == "print(1)"
        assert (note_of(one).tokens, note_of(one).truncated) == (7, True)
    assert json.dumps([made]) == '["print(1)"]'


def test_the_answer_of_another_model_has_no_note():
    assert note_of("print(1)") is None
