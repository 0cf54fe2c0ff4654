from pathlib import Path

import pytest
import torch

from mtzoo.config import config_from_dict
from mtzoo.engine.bad_images import BadImages
from mtzoo.errors import UserError
from mtzoo.structures import BadImage
from tests.engine.tiny_runs import Interrupter, float_solver, go
from tests.tiny import config_values, write_images

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


def break_image(root, number):
    (root / "images" / f"{number}.png").write_bytes(b"junk")


@pytest.fixture
def damaged(tmp_path):
    """Six training images, the second of them bad; the others, good, for validation."""
    root = write_images(tmp_path / "damaged")
    values = config_values(root, ["seg"], solver=float_solver(iterations=6))
    good = write_images(tmp_path / "good")
    values["sources"]["val"] = {"type": "MaskFolder", "images": str(good / "images"), "masks": str(good / "masks")}
    values["tasks"]["seg"]["val"] = ["val"]
    values["env"]["max_bad_images"] = 0.2
    break_image(root, 1)
    return root, values


@pytest.mark.slow
def test_a_bad_image_is_told_once_skipped_and_counted_and_resume_is_exact(damaged, tmp_path, monkeypatch, capsys):
    _, values = damaged
    config = config_from_dict(values)
    whole = go(config, tmp_path / "whole", float_only=True)
    told = capsys.readouterr().err.splitlines()
    assert len(told) == 1
    assert told[0].startswith(f"skipped: {tmp_path}/damaged/images/1.png: no JPEG, PNG")
    assert whole.bad_images.draws >= 2  # six iterations of two images are two epochs
    interrupter = Interrupter(monkeypatch)
    interrupter.left = 5
    with pytest.raises(KeyboardInterrupt):
        go(config, tmp_path / "parts", float_only=True)
    assert len(capsys.readouterr().err.splitlines()) == 1
    interrupter.left = None
    resumed = go(config, tmp_path / "parts", resume=True, float_only=True)
    assert capsys.readouterr().err == ""  # the checkpoint knows what has been told
    assert all(torch.equal(v, resumed.net.state_dict()[k]) for k, v in whole.net.state_dict().items())
    assert resumed.bad_images.state() == whole.bad_images.state()


def test_too_many_bad_images_stop_in_one_line(damaged, tmp_path):
    root, values = damaged
    break_image(root, 4)
    with pytest.raises(UserError, match=r"images/[14].png: no JPEG.* \(2 of 6 training images are bad so far, and "
                                        r"env.max_bad_images=0.2 is the share that may be; `mtzoo data check` lists all\)$"):
        go(config_from_dict(values), tmp_path / "run", float_only=True)
