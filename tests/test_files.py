import os

import pytest

from mtzoo.errors import UserError
from mtzoo.files import safe_relative, write_whole


def test_a_file_is_written_with_its_folder(tmp_path):
    write_whole(tmp_path / "a" / "b.json", b"1", "")
    write_whole(tmp_path / "a" / "b.json", b"22", "")
    assert (tmp_path / "a" / "b.json").read_bytes() == b"22"
    assert os.listdir(tmp_path / "a") == ["b.json"]


def test_a_full_disk_leaves_what_was_there(tmp_path, monkeypatch):
    path = tmp_path / "a.json"
    path.write_bytes(b"old")

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(UserError, match=r"a.json: cannot be written \(No space left on device\); free space or wait"):
        write_whole(path, b"new", "wait")
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a.json"]


def test_a_file_where_the_folder_should_be_is_told(tmp_path):
    (tmp_path / "out").write_bytes(b"")
    with pytest.raises(UserError, match="cannot be written"):
        write_whole(tmp_path / "out" / "a.json", b"", "choose another --out")


@pytest.mark.parametrize(("text", "expected"), [
    ("a/b.jpg", "a/b.jpg"), ("./a.jpg", "a.jpg"), ("a\\b.jpg", "a/b.jpg"), ("", None), (".", None), ("/etc/passwd", None),
    ("a/../../b", None), ("..\\b", None), ("C:\\b", None), ("a\0b", None),
])
def test_names_in_files_stay_below_their_root(text, expected):
    found = safe_relative(text)
    assert (str(found) if found else None) == expected
