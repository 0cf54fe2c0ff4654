import pytest

from mtzoo.data.names import leaving_links, name_problem, posix_name


@pytest.mark.parametrize(("text", "name"), [("a.png", "a.png"), ("./d/a.png", "d/a.png"), ("d\\e\\a.png", "d/e/a.png"),
                                            ("d//a", "d/a")])
def test_names_become_relative_posix(text, name):
    assert posix_name(text) == name
    assert name_problem(text) is None


@pytest.mark.parametrize(("text", "words"), [
    ("", "is empty"), (".", "is empty"), ("/a", "leaves"), ("\\a", "leaves"), ("c:\\a", "leaves"), ("c:a", "leaves"),
    ("//srv/share/a", "leaves"), ("a/../b", "leaves"), ("a\\..\\b", "leaves"), ("a\0b", "no file name"), ("\ud800", "no file name"),
])
def test_names_that_are_refused(text, words):
    assert words in name_problem(text)


@pytest.mark.parametrize("text", ["2020-01-01T10:00:00.png", "a..b.png", "straße.png", "..a"])
def test_odd_names_that_are_good(text):
    assert name_problem(text) is None


def test_links_out_of_the_root_are_found_file_or_folder(tmp_path):
    root, outside = tmp_path / "root", tmp_path / "outside"
    (root / "sub").mkdir(parents=True)
    outside.mkdir()
    for path in (root / "a", root / "sub" / "b", outside / "c"):
        path.touch()
    (root / "inner").symlink_to(root / "sub")
    (root / "outer").symlink_to(outside)
    (root / "up").symlink_to("../outside/c")
    (root / "loop").symlink_to("loop")
    files = ("a", "sub/b", "inner/b", "outer/c", "up", "loop", "gone")
    assert leaving_links(root, files) == {"outer/c": outside / "c", "up": outside / "c"}
