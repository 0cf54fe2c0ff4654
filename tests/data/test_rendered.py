import sys
import types

import pytest

from mtzoo.data import SyntheticScenes
from mtzoo.data.rendered import ensure_rendered
from mtzoo.errors import UserError


@pytest.fixture
def renderer(monkeypatch):
    """A stand-in for the renderer that writes a note and counts its calls."""
    calls = []

    def write_dataset(out, num, seed, *, size_hw, workers, on_progress):
        out.mkdir()
        calls.append((num, seed, size_hw))
        if seed == 13:
            raise KeyboardInterrupt
        (out / "images").mkdir()
        on_progress(num, num)

    module = types.ModuleType("mtzoo.data.synthetic")
    module.write_dataset = write_dataset
    monkeypatch.setitem(sys.modules, "mtzoo.data.synthetic", module)
    return calls


def test_scenes_are_rendered_once(renderer, tmp_path, capsys):
    spec = SyntheticScenes(4, 1, "synth", str(tmp_path / "root"), "seg", size_hw=(90, 160))
    assert ensure_rendered(spec) == ensure_rendered(spec) == spec.files()
    assert renderer == [(4, 1, (90, 160))]
    assert "4/4" in capsys.readouterr().out
    assert [p.name for p in (tmp_path / "root").iterdir()] == ["synth-90x160-4-1"]


def test_an_interrupted_rendering_leaves_nothing(renderer, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        ensure_rendered(SyntheticScenes(4, 13, "synth", str(tmp_path), "seg"))
    assert list(tmp_path.iterdir()) == []


def test_a_root_that_cannot_be_written(renderer, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="set another root for source 'synth'"):
        ensure_rendered(SyntheticScenes(4, 1, "synth", str(tmp_path / "file" / "sub"), "seg"))
