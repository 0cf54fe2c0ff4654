import pytest

from mtzoo.data.convert.stale_paths import found_below, path_parts


@pytest.mark.parametrize(("text", "parts"), [
    ("/home/joe/set/a.png", ("home", "joe", "set", "a.png")), ("C:\\sets\\a.png", ("sets", "a.png")), ("D:/a.png", ("a.png",)),
    ("D:a.png", ("a.png",)), ("\\\\server\\share\\x\\a.png", ("x", "a.png")), ("/x/../../etc/a.png", ("etc", "a.png")),
    ("./x//a.png", ("x", "a.png")), ("../x/a.png", ("..", "x", "a.png")), ("x\\a.png", ("x", "a.png")), ("/", ()), (".", ())])
def test_parts_of_paths_of_any_system(text, parts):
    assert tuple(path_parts(text)) == parts


def test_the_longest_end_that_is_there_is_found_in_the_first_folder(tmp_path):
    for file in ("one/a.png", "two/x/a.png", "two/a.png"):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).touch()
    folders = [tmp_path / "one", tmp_path / "two"]
    assert found_below(("home", "x", "a.png"), folders, least=1) == tmp_path / "two" / "x" / "a.png"
    assert found_below(("home", "y", "a.png"), folders, least=1) == tmp_path / "one" / "a.png"
    assert found_below(("home", "y", "a.png"), folders, least=2) is None
