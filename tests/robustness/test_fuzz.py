"""Damaged files by the hundred: each is read, or refused in one line; none hangs, takes much memory or ends in a traceback."""

import json

import pytest

from mtzoo.data.images import read_image, read_mask
from tests.robustness.fuzz import KINDS
from tests.robustness.fuzz_annotations import base_annotations, check
from tests.robustness.fuzz_images import HW, TURNED, base_images, base_masks
from tests.robustness.harness import LIMIT_MB

FEW, MANY = 40, 500
SHARE = 0.01
"""Of the cases, at least so many are accepted and refused: or the damage would be too light or too heavy to try the readers."""
SLOWEST_S = 10


def test_images_are_good_before_they_are_damaged(tmp_path):
    for number, data in enumerate(base_images()):
        path = tmp_path / f"{number}.bin"
        path.write_bytes(data)
        hw = HW[::-1] if number in TURNED else HW
        assert read_image(path).shape == (*hw, 3), number


def test_masks_are_good_before_they_are_damaged(tmp_path):
    for number, data in enumerate(base_masks()):
        path = tmp_path / f"{number}.png"
        path.write_bytes(data)
        mask = read_mask(path)
        assert mask.shape == HW
        assert mask[30, 30] == 1, number
        assert mask[0, 0] == 0, number


def test_annotations_are_good_before_they_are_damaged(tmp_path):
    path = tmp_path / "boxes.json"
    path.write_text(json.dumps(base_annotations(tmp_path)))
    assert check(tmp_path, path) == []


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("cases", "seed"), [(FEW, 1), pytest.param(MANY, 2, marks=pytest.mark.fuzz)])
def test_damaged_files(kind, cases, seed, harness, base, tmp_path):
    work = tmp_path / "work"
    work.mkdir()
    ended = harness.call(
        "tests.robustness.fuzz:run", [kind, str(base.root), str(work), cases, seed], tmp_path / "case", limit_s=1800
    )
    assert ended.status == 0, f"case {(work / 'case').read_text()} of {kind}, seed {seed}: {ended}"
    result = json.loads(ended.out.splitlines()[-1])
    assert result["problems"] == [], "\n".join(result["problems"])
    assert result["cases"] == cases
    assert min(result["accepted"], result["refused"]) >= SHARE * cases
    assert result["slowest_s"] < SLOWEST_S
    assert result["peak_mib"] < LIMIT_MB
