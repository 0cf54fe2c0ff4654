"""tools/average_checkpoints.py: the mean of float networks, and what cannot be averaged."""

import pytest
import torch

from mtzoo.engine.checkpoint import Checkpoint, Progress, load_checkpoint, save_checkpoint

FLOAT = Progress(0, False, 10, True)


@pytest.fixture
def tool(load_tool):
    return load_tool("average_checkpoints")


@pytest.fixture
def written(tmp_path):
    def write(name, progress=FLOAT, **network):
        save_checkpoint(tmp_path / name, Checkpoint({"of": name}, progress, network, {"loss_balance": {}}, []))
        return str(tmp_path / name)

    return write


def test_the_mean_of_floats_and_the_rest_of_the_last_one(tool, written, tmp_path):
    first = written("a.pt", weight=torch.tensor([1.0, 2.0]), count=torch.tensor(3))
    later = written("b.pt", weight=torch.tensor([3.0, 6.0]), count=torch.tensor(9))
    assert tool.main([first, later, "--out", str(tmp_path / "out.pt")]) == 0
    mean = load_checkpoint(tmp_path / "out.pt")
    assert mean.network["weight"].tolist() == [2.0, 4.0]
    assert mean.network["weight"].dtype == torch.float32
    assert mean.network["count"].item() == 9
    assert mean.config == {"of": "b.pt"}
    assert mean.training == {}


def test_what_cannot_be_averaged_is_one_line(tool, written, tmp_path, capsys):
    good, quantized = written("a.pt", weight=torch.zeros(2)), written("quant.pt", Progress(2, True, 1, True), weight=torch.zeros(2))
    out = ["--out", str(tmp_path / "out.pt")]
    for arguments, line in (([good, *out], "is only one checkpoint"),
                            ([good, good, "--out", good], "exists already"),
                            ([good, str(tmp_path / "none.pt"), *out], "no such checkpoint"),
                            ([written("other.pt", bias=torch.zeros(2)), good, *out], "another network than"),
                            ([written("wide.pt", weight=torch.zeros(3)), good, *out], "'weight' is (3,), and (2,) in"),
                            ([quantized, good, *out], "is not a float network")):
        assert tool.main(arguments) == 2
        error = capsys.readouterr().err
        assert line in error
        assert error.count("\n") == 1
    assert not (tmp_path / "out.pt").exists()
