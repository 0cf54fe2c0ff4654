import pytest

from mtzoo.cli.data_convert import parse_renames
from mtzoo.cli.main import main
from mtzoo.errors import UserError
from tests.data.convert.helpers import write_text
from tests.data.convert.layouts import LAYOUTS, write_coco, write_kitti


def cells(lines: list[str], name: str) -> list[str]:
    """The row of a table whose second cell is `name`."""
    rows = [[cell.strip() for cell in line.strip("│").split("│")] for line in lines if line.startswith("│")]
    return next(row for row in rows if row[1] == name)


def test_a_conversion_tells_what_it_wrote_and_what_comes_next(tmp_path, capsys):
    write_kitti(tmp_path / "src")
    out = tmp_path / "out"
    assert main(["data", "convert", "kitti", "--src", str(tmp_path / "src"), "--out", str(out)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("3 images (2 train, 1 val) in ")
    assert cells(lines, "vehicle") == ["boxes", "vehicle", "3", "6", "0", "0", ""]
    assert cells(lines, "vehicle_front") == ["boxes", "vehicle_front", "3", "0", "3", "0", ""]
    tasks = "det_person,det_rear,det_vehicle_sign"
    assert lines[-1] == f"train on it: mtzoo quant-train --config converted/multitask --tasks {tasks} --cfg-options data_root={out}"


def test_a_share_without_effect_is_told(tmp_path, capsys):
    write_coco(tmp_path / "src")
    places = ["--src", str(tmp_path / "src"), "--out", str(tmp_path / "out")]
    assert main(["data", "convert", "coco", *places, "--val-share", "0.5"]) == 0
    assert "note: --val-share has no effect: the data set has a val part of its own" in capsys.readouterr().err


def test_what_is_left_out_is_told(tmp_path, capsys):
    write_coco(tmp_path / "src")
    assert main(["data", "convert", "coco", "--src", str(tmp_path / "src"), "--out", str(tmp_path / "out")]) == 0
    told = capsys.readouterr()
    assert cells(told.out.splitlines(), "person") == ["boxes", "person", "4", "0", "2", "0", ""]
    assert "note: not one object of 'person': all 2 are ignore regions" in told.err
    assert "note: 2 images show only what no task asks for, and are left out" in told.err
    assert "note: ignored: 2 no area" in told.err


@pytest.mark.parametrize(("arguments", "message"), [
    (["kiti"], "format 'kiti': mtzoo converts no such format; did you mean 'kitti'?"),
    (["kitti", "--rename", "Car"], "--rename Car: OLD=NEW is wanted"),
    (["kitti", "--val-share", "2"], "val share 2: has to lie between 0 and 1"),
    (["kitti", "--workers", "0"], "--workers 0: has to be at least 1"),
])
def test_bad_arguments(arguments, message, tmp_path, capsys):
    write_kitti(tmp_path / "src")
    places = ["--src", str(tmp_path / "src"), "--out", str(tmp_path / "out")]
    assert main(["data", "convert", *arguments, *places]) == 2
    assert message in capsys.readouterr().err


def test_one_line_and_exit_code_2_for_a_bad_row(tmp_path, capsys):
    write_kitti(tmp_path / "src")
    path = write_text(tmp_path / "src" / "training" / "label_2" / "000001.txt", "Car 0 0")
    assert main(["data", "convert", "kitti", "--src", str(tmp_path / "src"), "--out", str(tmp_path / "out")]) == 2
    error = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error:")]
    assert error == [f"error: {path}:1: 3 columns; KITTI object labels have 15: type truncated occluded alpha ..."]


def test_renames_are_pairs():
    assert parse_renames(["stop sign=sign", "a=b=c"]) == {"stop sign": "sign", "a": "b=c"}
    with pytest.raises(UserError):
        parse_renames(["=sign"])


@pytest.mark.parametrize("layout", ["kitti", *(pytest.param(name, marks=pytest.mark.slow) for name in ("bdd100k", "camvid32"))])
def test_the_lines_that_are_printed_work(layout, tmp_path, capsys):
    form, write = LAYOUTS[layout]
    write(tmp_path / "src")
    assert main(["data", "convert", form, "--src", str(tmp_path / "src"), "--out", str(tmp_path / "out")]) == 0
    check = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("check it:"))
    assert main(check.split()[3:]) == 0
    assert "no faults; " in capsys.readouterr().out


def test_a_task_that_the_set_has_no_labels_for_is_told(tmp_path, capsys):
    write_coco(tmp_path / "src")
    assert main(["data", "convert", "coco", "--src", str(tmp_path / "src"), "--out", str(tmp_path / "out")]) == 0
    assert main(["data", "check", "converted/multitask", "--tasks", "det_rear", "--cfg-options", f"data_root={tmp_path / 'out'}"]) == 2
    assert "no category of" in capsys.readouterr().out
