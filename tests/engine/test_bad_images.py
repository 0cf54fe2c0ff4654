from pathlib import Path

import pytest

from mtzoo.engine.bad_images import BadImages
from mtzoo.errors import UserError
from mtzoo.structures import BadImage

A, B, C = (BadImage(Path(f"{name}.png"), f"{name}.png: cannot be decoded; fix it") for name in "abc")


def test_each_is_told_once_and_every_draw_counts(capsys):
    bad_images = BadImages(100, 0.02)
    assert bad_images.summary() == ""
    for skipped in ((A,), (), (A, B), (B,)):
        bad_images.add(skipped)
    assert capsys.readouterr().err == "skipped: a.png: cannot be decoded; fix it\nskipped: b.png: cannot be decoded; fix it\n"
    assert bad_images.summary() == "2 of 100 training images are bad, 4 draws took others instead; `mtzoo data check` lists them"


@pytest.mark.parametrize(("images", "share", "good"), [(100, 0.02, 2), (100, 0.019, 1), (99, 0.01, 0), (3, 0, 0), (2, 1, 2)])
def test_beyond_the_share_it_stops(images, share, good, capsys):
    bad_images = BadImages(images, share)
    bad_images.add([A, B, C][:good])
    if good < images:
        with pytest.raises(UserError, match=rf"{'abc'[good]}.png: cannot be decoded; fix it \({good + 1} of {images} training images"):
            bad_images.add([[A, B, C][good]])
    assert capsys.readouterr().err.count("\n") == good  # the last one is told by the error


def test_names_stay_on_their_line(capsys):
    BadImages(1, 1).add([BadImage(Path("a"), "a\nb.png: cut off")])
    assert capsys.readouterr().err == "skipped: a\\nb.png: cut off\n"


def test_a_resumed_run_goes_on_counting_but_forgives_what_was_mended():
    first, second = BadImages(100, 0.02), BadImages(100, 0.02)
    first.add([A, B, B])
    second.load_state(first.state(), lambda paths: paths - {A.path})
    assert second.state() == {"paths": ["b.png"], "draws": 3}
    second.add([B, C])
    assert second.paths == {B.path, C.path}
