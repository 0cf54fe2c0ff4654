import pytest

from mtzoo.cli.main import main
from mtzoo.cli.numbers import at_least, processes
from mtzoo.errors import UserError


@pytest.mark.parametrize("text", ["0", "-1", "1.5", "x", "", "9" * 5000])
def test_what_is_no_number_of_images_is_one_line(text):
    with pytest.raises(UserError, match="^--limit .*(must be between 1 and 10|expected a whole number)") as caught:
        at_least(1, "--limit", 10)(text)
    assert len(str(caught.value)) < 200


def test_numbers_within_their_bounds_pass():
    assert at_least(1, "--limit")("7") == 7
    assert processes("--workers", 0)("0") == 0


def test_more_threads_than_the_machine_can_run_are_told_with_its_cores(monkeypatch):
    monkeypatch.setattr("mtzoo.machine.cores", lambda: 16)
    assert processes("--threads")("128") == 128
    with pytest.raises(UserError, match="--threads=129: this machine has 16 cores; at most 128 are allowed"):
        processes("--threads")("129")


@pytest.mark.parametrize("verb", [
    ["eval", "x.onnx"], ["eval-pair", "--resize", "x", "--crop", "y"], ["verify", "x.onnx", "--images", "d"],
    ["sensitivity", "--config", "c", "--checkpoint", "m", "--out", "t.json"],
    ["ptq", "--config", "c", "--checkpoint", "m", "--calib-images", "1"],
    ["quant", "--config", "c", "--checkpoint", "m", "--iters", "1"],
    ["prune", "--config", "c", "--checkpoint", "m", "--ratio", "0.5"],
    ["sparsify", "--config", "c", "--checkpoint", "m", "--iters", "1"],
    ["compress", "--config", "c", "--checkpoint", "m", "--iters", "1", "--max-drop", "1"],
])
@pytest.mark.parametrize("limit", ["0", "-1"])
def test_every_verb_refuses_a_limit_below_one(verb, limit, capsys):
    assert main([*verb, "--limit", limit]) == 2
    assert capsys.readouterr().err == f"error: --limit {limit}: must be at least 1\n"
