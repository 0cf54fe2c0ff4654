import pytest

from mtzoo.engine.compress_state import CompressState, load_state
from mtzoo.errors import UserError
from mtzoo.evaluation.comparison import Variant

ORIGIN = {"checkpoint": "ab12", "hardware": "host-cpu"}


@pytest.fixture
def state(tmp_path):
    state = CompressState(tmp_path / "new" / "compress.json", ORIGIN, {"original": 20.0, "int8": 10.0})
    state.base = Variant("float", {"seg/mIoU": 60.0}, 4000, 1000, 5000)
    state.results["int8"] = Variant("int8", {"seg/mIoU": 59.0}, 1000, 1000, 5000, differing=(0, 99))
    state.models["int8"] = "int8/model.onnx"
    state.save()
    return state


def test_what_is_finished_is_read_again(state):
    assert load_state(state.path, ORIGIN) == state


def test_another_runs_state_is_refused(state):
    with pytest.raises(UserError, match=r"compress\.json: .*another 'hardware'"):
        load_state(state.path, {**ORIGIN, "hardware": "generic-arm-a75"})


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"made_for": {"checkpoint": "ab12", "hardware": "host-cpu"}, "results": 3}'])
def test_a_damaged_one_is_one_clear_line(state, text):
    state.path.write_text(text)
    with pytest.raises(UserError, match=r"compress\.json") as error:
        load_state(state.path, ORIGIN)
    assert "\n" not in str(error.value)
    assert state.path.read_text() == text
