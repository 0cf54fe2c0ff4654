import pytest

from mtzoo.data.folder_files import list_files, list_stems
from mtzoo.errors import UserError


@pytest.fixture
def root(tmp_path):
    for file in ("b.jpg", "a.JPG", "a.png", ".hidden.png", "notes.txt", "u/c_left.png"):
        path = tmp_path / "images" / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return tmp_path / "images"


def test_files_of_all_folders_by_their_endings(root):
    assert list_files(root, (".jpg", ".png"), "s") == (["a.JPG", "a.png", "b.jpg", "u/c_left.png"], [])
    with pytest.raises(UserError, match="source 's': no folder"):
        list_files(root / "no", (".jpg",), "s")


def test_a_link_to_a_folder_is_a_fault(root, tmp_path):
    (tmp_path / "far").mkdir()
    (root / "v").symlink_to(tmp_path / "far")
    files, faults = list_files(root, (".png",), "s")
    assert files == ["a.png", "u/c_left.png"]
    assert [(fault.file, "not followed" in fault.message) for fault in faults] == [(str(root / "v"), True)]


def test_a_stem_belongs_to_one_file(root):
    stems, faults = list_stems(root, ("_left.png", ".jpg", ".png"), "s")
    assert stems == {"a": "a.JPG", "b": "b.jpg", "u/c": "u/c_left.png"}
    assert [str(fault) for fault in faults] == [f"{root / 'a.png'}: 'a.JPG' has the same stem; remove one"]
