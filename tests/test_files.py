import os

import pytest

from mtzoo.errors import UserError
from mtzoo.files import read_whole, write_whole


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


def test_what_cannot_be_read_is_told_with_advice(tmp_path):
    (tmp_path / "a.json").write_bytes(b"12345")
    assert read_whole(tmp_path / "a.json", "list", 5, "mend") == b"12345"
    for path, limit, words in ((tmp_path / "a.json", 4, "a.json: 5 bytes; 4 are the most that is read of one list"),
                               (tmp_path / "b.json", 4, "b.json: no such list; mend"), (tmp_path, 4, "no list; mend"),
                               (tmp_path / "a.json" / "b", 4, r"cannot be read \(Not a directory\).*mend")):
        with pytest.raises(UserError, match=words):
            read_whole(path, "list", limit, "mend")
