import numpy as np
import pytest

from mtzoo.cli.data_convert import parse_renames
from mtzoo.cli.main import main
from mtzoo.data.convert.coco_subset import HOUSEHOLD
from mtzoo.errors import UserError
from tests.data.convert.helpers import write_image, write_mask, write_text
from tests.data.convert.layouts import LAYOUTS, write_coco, write_kitti


def cells(lines: list[str], name: str) -> list[str]:
    """The row of a table whose second cell is `name`."""
    rows = [[cell.strip() for cell in line.strip("│").split("│")] for line in lines if line.startswith("│")]
    return next(row for row in rows if row[1] == name)


def test_a_conversion_tells_what_it_wrote_and_what_comes_next(tmp_path, capsys):
    write_kitti(tmp_path / "src")
    out = tmp_path / "out"
    assert main(["data", "convert", "kitti", "--data", str(tmp_path / "src"), "--out", str(out)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("3 images (2 train, 1 val) in ")
    assert cells(lines, "vehicle") == ["boxes", "vehicle", "3", "6", "0", "0", ""]
    assert cells(lines, "vehicle_front") == ["boxes", "vehicle_front", "3", "0", "3", "0", ""]
    tasks = "det_person,det_rear,det_vehicle_sign"
    assert lines[-1] == f"train on it: mtzoo quant-train --config converted/multitask --tasks {tasks} --cfg-options data_root={out}"


def test_a_share_without_effect_is_told(tmp_path, capsys):
    write_coco(tmp_path / "src")
    places = ["--data", str(tmp_path / "src"), "--out", str(tmp_path / "out")]
    assert main(["data", "convert", "coco", *places, "--val-share", "0.5"]) == 0
    assert "note: --val-share and --split-by have no effect: the data set has a val part of its own" in capsys.readouterr().err


def test_what_is_left_out_is_told(tmp_path, capsys):
    write_coco(tmp_path / "src", *HOUSEHOLD)
    assert main(["data", "convert", "coco", "--data", str(tmp_path / "src"), "--out", str(tmp_path / "out")]) == 0
    told = capsys.readouterr()
    assert cells(told.out.splitlines(), "person") == ["boxes", "person", "4", "0", "2", "0", ""]
    assert "note: not one object of 'person': all 2 are ignore regions" in told.err
    assert "note: 2 images with nothing that a task asks for: left out" in told.err
    assert "note: ignored: 2 no area" in told.err


@pytest.mark.parametrize(("arguments", "message"), [
    (["kiti"], "format 'kiti': mtzoo converts no such format; did you mean 'kitti'?"),
    (["kitti", "--rename", "Car"], "--rename Car: expected OLD=NEW"),
    (["kitti", "--val-share", "2"], "val share 2: must lie between 0 and 1"),
    (["kitti", "--workers", "0"], "--workers 0: must be at least 1"),
])
def test_bad_arguments(arguments, message, tmp_path, capsys):
    write_kitti(tmp_path / "src")
    places = ["--data", str(tmp_path / "src"), "--out", str(tmp_path / "out")]
    assert main(["data", "convert", *arguments, *places]) == 2
    assert message in capsys.readouterr().err


def test_one_line_and_exit_code_2_for_a_bad_row(tmp_path, capsys):
    write_kitti(tmp_path / "src")
    path = write_text(tmp_path / "src" / "training" / "label_2" / "000001.txt", "Car 0 0")
    assert main(["data", "convert", "kitti", "--data", str(tmp_path / "src"), "--out", str(tmp_path / "out")]) == 2
    error = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error:")]
    told = f"error: {path}:1: 3 columns; KITTI object labels have 15: type truncated occluded alpha ...; 1 of 3 images in "
    assert len(error) == 1
    assert error[0].startswith(told)


def test_renames_are_pairs():
    assert parse_renames(["stop sign=sign", "a=b=c"]) == {"stop sign": "sign", "a": "b=c"}
    with pytest.raises(UserError):
        parse_renames(["=sign"])


@pytest.mark.parametrize("layout", ["kitti", *(pytest.param(name, marks=pytest.mark.slow) for name in ("bdd100k", "camvid32"))])
def test_the_lines_that_are_printed_work(layout, tmp_path, capsys):
    form, write = LAYOUTS[layout]
    write(tmp_path / "src")
    assert main(["data", "convert", form, "--data", str(tmp_path / "src"), "--out", str(tmp_path / "out")]) == 0
    check = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("check it:"))
    assert main(check.split()[3:]) == 0
    assert "no faults; " in capsys.readouterr().out


def test_a_task_that_the_set_has_no_labels_for_is_told(tmp_path, capsys):
    write_coco(tmp_path / "src")
    assert main(["data", "convert", "coco", "--data", str(tmp_path / "src"), "--out", str(tmp_path / "out")]) == 0
    assert main(["data", "check", "converted/multitask", "--tasks", "det_rear", "--cfg-options", f"data_root={tmp_path / 'out'}"]) == 2
    assert "no category of" in capsys.readouterr().out


def test_what_is_recognised_is_told_and_so_is_what_else_there_is(tmp_path, capsys):
    write_kitti(tmp_path / "src")
    for number in range(3):
        for split in ("train", "val"):
            write_text(tmp_path / "src" / "other" / split / f"{number}.txt", "nothing to do with it")
    assert main(["data", "convert", "--data", str(tmp_path / "src"), "--out", str(tmp_path / "out")]) == 0
    assert capsys.readouterr().out.splitlines()[0] == "recognised: training/image_2 and training/label_2"


def test_names_that_are_no_task_s_are_counted_with_what_to_type(tmp_path, capsys):
    src = tmp_path / "src"
    for name, row in (("a", "0 0.5 0.5 0.25 0.5"), ("b", "1 0.5 0.5 0.25 0.5"), ("c", "2 0.5 0.5 0.25 0.5")):
        write_image(src / f"{name}.jpg")
        write_text(src / f"{name}.txt", row)
    write_text(src / "classes.txt", "traffic light", "red man", "arrow")
    assert main(["data", "convert", "--data", str(src), "--out", str(tmp_path / "out")]) == 0
    told = capsys.readouterr()
    assert told.out.startswith("recognised: YOLO boxes: 3 text files in .")
    assert "background for these: arrow (1 object), red man (1 object); " in told.err
    assert "--rename arrow=CLASS 'red man=CLASS' " in told.err
    renamed = ["--rename", "red man=person", "--ignore", "arrow", "--split", "val=0.5", "--split-by", "name"]
    assert main(["data", "convert", "--data", str(src), "--out", str(tmp_path / "out"), *renamed]) == 0
    told = capsys.readouterr()
    assert "3 images (1 train, 2 val)" in told.out
    assert "background for these" not in told.err


@pytest.mark.parametrize(("arguments", "message"), [
    (["--split", "test=0.2"], "--split test=0.2: expected val=SHARE"),
    (["--union", "rear"], "--union rear: expected NEW=A,B"),
    (["--union", "rear=a,b", "front=b,c"], "--union front=b,c: 'b' is in the union 'rear' already"),
    (["--union", "rear=a", "rear=b"], "--union rear=b: 'rear' is a union already; name all its categories in one"),
    (["--rename", "a=b", "a=c"], "--rename a=c: 'a' has the new name 'b' already; keep one of them"),
    (["--rename", "a=b", "--ignore", "a"], "--ignore a: --rename makes it b; keep one of them"),
    (["cityscapes", "--labels", "training"], "--labels: changes nothing for the format cityscapes"),
    (["kitti", "--format", "voc"], "--format voc: the format is there already: kitti"),
    (["--images", "nowhere"], "nowhere: no such file or folder"),
])
def test_bad_arguments_of_layouts(arguments, message, tmp_path, capsys):
    write_kitti(tmp_path / "src")
    assert main(["data", "convert", "--data", str(tmp_path / "src"), "--out", str(tmp_path / "out"), *arguments]) == 2
    assert message in capsys.readouterr().err


def test_masks_of_one_class_are_told(tmp_path, capsys):
    """Whoever trains on them alone gets a network that says this class everywhere."""
    for stem in "ab":
        write_image(tmp_path / "people" / "images" / f"{stem}.jpg", (64, 96))
        mask = np.zeros((64, 96), np.uint8)
        mask[20:40, 30:50] = 255
        write_mask(tmp_path / "people" / "masks" / f"{stem}.png", mask)
    asked = ["data", "convert", "--data", str(tmp_path / "people"), "--rename", "foreground=person"]
    told = "seg: person is all that is labelled"
    assert main([*asked, "--out", str(tmp_path / "tasks")]) == 0
    assert told in capsys.readouterr().err
    assert main([*asked, "--classes", "own", "--out", str(tmp_path / "own")]) == 0
    said = capsys.readouterr()
    assert told not in said.err
    assert "background" in said.out


def test_all_unknown_classes_are_told_at_once(tmp_path, capsys):
    names = [f"thing_number_{number}" for number in range(60)]
    for image, rows in (("a", names), ("b", ["car"])):
        write_image(tmp_path / "src" / "images" / f"{image}.jpg")
        write_text(tmp_path / "src" / "labels" / f"{image}.txt", *(f"{name} 0 0 0 1 2 10 12 0 0 0 0 0 0 0" for name in rows))
    assert main(["data", "convert", "--data", str(tmp_path / "src"), "--out", str(tmp_path / "out")]) == 2
    told = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    assert len(told) == 1
    assert "60 categories that this format does not have" in told[0]
    assert [name for name in names if f"'{name}' (1 object, first " not in told[0] or f" {name}=CLASS" not in told[0]] == []


def test_notes_name_all_classes_too(tmp_path, capsys):
    names = [f"thing_number_{number}" for number in range(60)]
    for number in range(3):
        write_image(tmp_path / "src" / f"{number}.jpg")
        write_text(tmp_path / "src" / f"{number}.txt", *(f"{number} 0.5 0.5 0.25 0.5" for number in range(61)))
    write_text(tmp_path / "src" / "classes.txt", *names, "car")
    assert main(["data", "convert", "--data", str(tmp_path / "src"), "--out", str(tmp_path / "out")]) == 0
    told = capsys.readouterr().err
    assert [name for name in names if f"{name} (3 objects)" not in told or f" {name}=CLASS" not in told] == []


@pytest.mark.parametrize("named", [["--images", "images", "--labels", "labels"], ["--data", ".", "--images", "images"]])
def test_images_and_labels_in_folders_side_by_side_need_no_folder_around_them(named, tmp_path, monkeypatch, capsys):
    for name in "ab":
        write_image(tmp_path / "set" / "images" / f"{name}.jpg")
        write_text(tmp_path / "set" / "labels" / f"{name}.txt", "Car 0 0 0 1 2 10 12 0 0 0 0 0 0 0")
    monkeypatch.chdir(tmp_path / "set")
    assert main(["data", "convert", *named, "--out", str(tmp_path / "out")]) == 0
    assert "2 images (1 train, 1 val)" in capsys.readouterr().out
    assert main(["data", "convert", "--data", "images", "--labels", "labels", "--out", str(tmp_path / "other")]) == 2
    assert f"as --data one that holds both, e.g. --data {tmp_path / 'set'}" in capsys.readouterr().err


def test_the_help_shows_how_a_set_is_divided(capsys):
    assert main(["data", "convert", "--help"]) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert all(option in told for option in ("--val-share 0..1", "--split val=0.2 is the same", "--split-by {name,folder}"))
