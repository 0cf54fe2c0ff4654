import sys
import types

import pytest

from mtzoo.data.rendered import ensure_rendered
from mtzoo.data.sources import SyntheticScenes
from mtzoo.errors import UserError


@pytest.fixture
def renderer(monkeypatch):
    """A stand-in for the renderer that writes a note and counts its calls."""
    calls = []

    def write_dataset(out, num, seed, *, size_hw, workers, on_progress):
        calls.append((num, seed, size_hw))
        if seed == 13:
            raise UserError(f"{out}: cannot be written")
        (out / "images").mkdir(parents=True)
        on_progress(num, num)

    module = types.ModuleType("mtzoo.data.synthetic")
    module.write_dataset = write_dataset
    monkeypatch.setitem(sys.modules, "mtzoo.data.synthetic", module)
    return calls


def test_scenes_are_rendered_once(renderer, tmp_path, capsys):
    spec = SyntheticScenes(4, 1, "synth", str(tmp_path / "root"), "seg", size_hw=(90, 160))
    assert ensure_rendered(spec) == ensure_rendered(spec) == spec.files()
    assert renderer == [(4, 1, (90, 160))]
    assert capsys.readouterr().err == f"{spec.folder}: rendered 4 scenes\n"
    assert [p.name for p in (tmp_path / "root").iterdir()] == ["synth-90x160-4-1"]


def test_the_source_that_asks_for_them_is_named(renderer, tmp_path):
    with pytest.raises(UserError, match="cannot be written; it is asked for by source 'synth', whose root can be set"):
        ensure_rendered(SyntheticScenes(4, 13, "synth", str(tmp_path), "seg"))
