"""`mtzoo sparsify` from its command line."""

import json

import numpy as np
import pytest
from onnx import numpy_helper

from mtzoo.cli.main import main
from mtzoo.deploy.file import read_deploy_file
from mtzoo.engine.checkpoint import load_checkpoint
from tests.cli.ptq_helpers import write_project

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return write_project(tmp_path_factory.mktemp("sparsify") / "data")


def sparsify(root, *arguments):
    return main(["sparsify", "--config", str(root / "tiny.py"), "--checkpoint", str(root / "float.pt"), "--iters", "6",
                 "--calib-images", "4", *map(str, arguments)])


def int8_weights(path):
    """Layer -> its weights in the file, without the first layer's and those of heads' ends."""
    arrays = {t.name: numpy_helper.to_array(t) for t in read_deploy_file(path).model.graph.initializer}
    return {name: a for name, a in arrays.items() if a.dtype == np.int8 and a.ndim == 4
            and not any(end in name for end in (".stem", ".cls.", ".box.", ".classify"))}


def test_zeros_reach_the_file_and_are_weighed(root, tmp_path, capsys):
    """Trained with a teacher; resumed, nothing is trained again."""
    out = tmp_path / "out"
    command = ["--ratio", 0.75, "--out", out, "--distill-from", root / "float.pt", "--threads", 1]
    assert sparsify(root, *command) == 0
    assert "75.0% of" in capsys.readouterr().out
    weights = int8_weights(out / "int-inference-export-last.onnx")
    assert sum((a == 0).sum() for a in weights.values()) >= 0.75 * sum(a.size for a in weights.values())
    values = json.loads((out / "sparsity.json").read_text())
    assert values["sparse"]["raw"] == pytest.approx(values["dense"]["raw"], rel=0.02)
    assert values["sparse"]["deflated"] < 0.9 * values["dense"]["deflated"]
    assert values["sparse"]["masked"] < values["dense"]["masked"] - 0.5 * sum(a.size for a in weights.values())
    assert set(values["latency"]) == {"OpenVINO", "OpenVINO, sparse weights", "ONNX Runtime"}
    assert all(times["sparse_ms"] > 0 for times in values["latency"].values())
    comparison = json.loads((out / "comparison.json").read_text())
    assert comparison["result"]["differing"][0] == 0
    saved = load_checkpoint(out / "with-bn-float-last.pt")
    assert saved.history[0]["curve"][-1][1]["distil.seg.logits"] > 0
    before = (out / "with-bn-float-last.pt").read_bytes()
    assert sparsify(root, *command, "--no-bench", "--resume") == 0
    assert (out / "with-bn-float-last.pt").read_bytes() == before


@pytest.mark.thorough
def test_two_of_four_reach_the_file(root, tmp_path):
    assert sparsify(root, "--pattern", "2:4", "--out", tmp_path / "out", "--no-bench") == 0
    for name, a in int8_weights(tmp_path / "out" / "int-inference-export-last.onnx").items():
        groups = a.transpose(0, 2, 3, 1).reshape(-1, 4)
        assert (groups != 0).sum(axis=1).max() <= 2, name


@pytest.mark.parametrize(("arguments", "message"), [
    (["--ratio", "1.0"], "ratio=1.0: must lie between 0 and 1"),
    (["--ratio", "0.75", "--pattern", "2:4"], "a ratio of its own; give one of the two"),
    (["--pattern", "half"], "expected 'unstructured', or N of M weights that stay"),
    ([], "add --ratio, e.g. 0.75, or --pattern 2:4"),
    (["--ratio", "0.5", "--cfg-options", "sparsity.not_sparse_pattern=['nodes.nek.*']"], "'nodes.nek.*' matches no layer"),
    (["--ratio", "0.5", "--distill-from", "gone.pt"], "gone.pt: no such checkpoint"),
    (["--ratio", "0.5", "--checkpoint", "gone.pt"], "gone.pt: no such checkpoint"),
])
def test_what_cannot_work_is_one_line_and_leaves_nothing(root, tmp_path, capsys, arguments, message):
    capsys.readouterr()
    assert sparsify(root, "--out", tmp_path / "out", *arguments) == 2
    err = capsys.readouterr().err
    assert message in err
    assert err.count("\n") == 1
    assert not (tmp_path / "out").exists()
