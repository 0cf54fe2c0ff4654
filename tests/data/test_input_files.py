import os
from pathlib import Path

import pytest

from mtzoo.data.input_files import check_file, find_files, is_folder, spread_images
from mtzoo.errors import UserError

SUFFIXES = (".jpg", ".png")


@pytest.fixture
def folder(tmp_path):
    for name in ("b.jpg", "a/c.PNG", "a/d.tif", "e.txt", "f.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x")
    return tmp_path


def names(files, folder):
    return [str(path.relative_to(folder)) for path in files]


def test_files_are_found_and_the_rest_is_told(folder):
    files, left_out = find_files(folder, SUFFIXES)
    assert names(files, folder) == ["a/c.PNG", "b.jpg"]
    assert left_out == f"{folder}: left out: 1 .tif file (a/d.tif), 2 .txt files (e.txt, ...)"


def test_nothing_left_out_is_no_line(folder):
    assert find_files(folder / "a", (".png", ".tif"))[1] == ""


def test_answers_are_no_inputs(folder):
    assert names(find_files(folder, SUFFIXES, out=folder / "a")[0], folder) == ["b.jpg"]
    assert find_files(folder / "a", SUFFIXES, out=folder) == ([], "")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may open every folder")
def test_a_folder_that_cannot_be_opened_is_told(folder):
    (folder / "a").chmod(0)
    try:
        assert "1 folder that cannot be opened (a)" in find_files(folder, SUFFIXES)[1]
    finally:
        (folder / "a").chmod(0o700)


def test_what_is_no_file_is_told(folder):
    os.mkfifo(folder / "p.png")
    (folder / "n.png").symlink_to(folder / "none")
    (folder / "linked").symlink_to(folder / "a")
    assert names(find_files(folder, SUFFIXES)[0], folder) == ["a/c.PNG", "b.jpg"]
    assert find_files(folder, SUFFIXES)[1].endswith("1 link to a folder (linked), 1 link to nothing (n.png), 1 pipe (p.png)")
    with pytest.raises(UserError, match=r"p.png: not an image file but a pipe; name an image file"):
        check_file(folder / "p.png", SUFFIXES)
    with pytest.raises(UserError, match=r"p.png: not an image or video file but a pipe; name a file or a folder"):
        check_file(folder / "p.png", (*SUFFIXES, ".mp4"))


def test_odd_paths_are_no_folder(folder):
    assert is_folder(folder)
    assert not is_folder(folder / ("x" * 5000))
    assert not is_folder(folder / "nul\0")
    for name in ("x" * 5000, "nul\0", "none.png"):
        with pytest.raises(UserError, match=r"no such file or folder.*; check the path"):
            check_file(folder / name, SUFFIXES)


def test_an_image_stands_for_a_folder_of_it(folder):
    assert spread_images(folder / "b.jpg", None) == [folder / "b.jpg"]
    for name, said in (("none", "none: no such file or folder"), ("e.txt", "e.txt: no image by its ending")):
        with pytest.raises(UserError, match=said):
            spread_images(folder / name, None)


@pytest.mark.parametrize("address", ["rtsp://camera/live", "https://host/a.jpg"])
def test_an_address_is_told(address):
    with pytest.raises(UserError) as caught:
        check_file(Path(address), SUFFIXES)
    assert str(caught.value) == f"{address}: an address, no file; download it, or read a stream with `DeployModel.stream` in Python"


def test_verify_tells_what_it_leaves_out(folder, capsys):
    assert names(spread_images(folder, None), folder) == ["a/c.PNG", "b.jpg"]
    assert "left out: 1 .tif file (a/d.tif), 2 .txt files" in capsys.readouterr().err
    (folder / "only").mkdir()
    (folder / "only" / "x.txt").write_text("")
    with pytest.raises(UserError, match=r"left out: 1 .txt file \(x.txt\): no image in it"):
        spread_images(folder / "only", None)
