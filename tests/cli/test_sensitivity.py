"""`mtzoo sensitivity` from its command line, and `mtzoo prune` with its table."""

import json

import cv2
import pytest

from mtzoo.cli.main import main
from tests.cli.ptq_helpers import write_project


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return write_project(tmp_path_factory.mktemp("sensitivity") / "data", own_masks=True)


def network(root):
    return ["--config", str(root / "tiny.py"), "--checkpoint", str(root / "float.pt"), "--importance", "l1", "--align", "4"]


def sensitivity(root, out, *arguments):
    return main(["sensitivity", *network(root), "--out", str(out), "--limit", "2", *arguments])


@pytest.mark.slow
def test_measured_kept_gone_on_with_and_pruned_by(root, tmp_path, capsys):
    out = tmp_path / "t.json"
    assert sensitivity(root, out, "--ratios", "0.5", "--compare-scratch", "2") == 0
    printed = capsys.readouterr().out
    assert "2 points by themselves: 0 with other metrics" in printed
    assert "times less" in printed
    assert cv2.imread(str(tmp_path / "t.png")) is not None
    first = json.loads(out.read_text())
    # cut off: what is there is not measured again
    values = {**first, "points": first["points"][::2]}
    out.write_text(json.dumps(values))
    assert sensitivity(root, out, "--ratios", "0.5") == 0
    assert f"{len(first['points'])} points, {len(values['points'])} measured before" in capsys.readouterr().out
    assert json.loads(out.read_text()) == first
    prune = ["prune", *network(root), "--calib-images", "4", "--no-bench", "--limit", "2", "--sensitivity", str(out)]
    assert main([*prune, "--max-drop", "100", "--out", str(tmp_path / "all")]) == 0
    record = json.loads((tmp_path / "all" / "pruning.json").read_text())
    smallest = {}
    for point in first["points"]:
        smallest[point["group"]] = min(point["count"], smallest.get(point["group"], 10**6))
    groups = record["groups"]
    gone = {layer for name, count in smallest.items() if count == 0 for layer in groups[name]["layers"]}
    assert gone  # residual blocks, and nothing is to be had from their inside any more
    outside = {name: g["kept"] for name, g in groups.items() if g["kept"] == 0 or not gone.issuperset(g["layers"])}
    assert {name: kept for name, kept in outside.items() if kept < groups[name]["units"]} \
        == {name: count for name, count in smallest.items() if name in outside}
    assert main([*prune, "--max-drop", "0", "--ratio", "0.9", "--out", str(tmp_path / "no")]) == 2
    assert "the limits of the sensitivity table" in capsys.readouterr().err
    assert main([*prune, "--out", str(tmp_path / "no")]) == 2
    assert "go together" in capsys.readouterr().err


@pytest.mark.parametrize(("arguments", "message"), [
    (["--ratios", "0.1,x"], "--ratios 0.1,x: expected numbers"),
    (["--ratios", "0.1,1.5"], "each between 0 and 1"),
    (["--ratios", "0.01"], "no group can lose that little"),
    (["--limit", "0"], "--limit 0: must be at least 1"),
    (["--compare-scratch", "-1"], "--compare-scratch -1"),
])
def test_a_mistake_is_one_line_and_nothing_is_written(root, tmp_path, capsys, arguments, message):
    assert sensitivity(root, tmp_path / "t.json", *arguments) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_a_foreign_file_is_left_alone(root, tmp_path, capsys):
    (tmp_path / "t.json").write_text('{"mine": 1}')
    assert sensitivity(root, tmp_path / "t.json") == 2
    assert "no table of `mtzoo sensitivity`" in capsys.readouterr().err
    assert (tmp_path / "t.json").read_text() == '{"mine": 1}'
    assert sensitivity(root, tmp_path / "t.txt") == 2
    assert "must end in .json" in capsys.readouterr().err
