"""Erasing, mosaic, mixup and copy-paste: what is not known stays so, and nothing is off by a pixel."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mtzoo.data.augmentation import Augmentation, CopyPaste, Erase, MixUp, Mosaic, join_tiles
from mtzoo.data.dataset import MultiTaskDataset
from mtzoo.data.geometry import TrainGeometry
from mtzoo.data.photometric import Photometric
from mtzoo.data.pipeline import TrainPipeline
from mtzoo.data.sampler import SampleIndex
from mtzoo.data.sources import CocoBoxes, MaskFolder, TaskData
from mtzoo.data.warp import Warp
from mtzoo.errors import UserError
from mtzoo.structures import IGNORE, Boxes, Sample
from tests.tiny import write_images

CLASSES = {"seg": ("road", "pole", "sign")}


def boxes_of(*xyxy, known=(True, True), ignore=False):
    count = len(xyxy)
    return Boxes(np.array(xyxy, np.float32).reshape(-1, 4), np.zeros(count, np.int64), np.full(count, ignore), np.array(known))


def sample_of(grey, mask=None, boxes=None, hw=(40, 60)):
    image = np.full((*hw, 3), grey, np.uint8)
    masks = {} if mask is None else {"seg": mask}
    return Sample(image, Path("a.png"), "s", hw, np.eye(2, 3), {} if boxes is None else {"det": boxes}, masks)


def test_what_is_erased_is_not_known_and_the_rest_is_as_it_was():
    for seed in range(20):
        mask = np.ones((40, 60), np.uint8)
        mask[:, 50:] = IGNORE
        boxes = boxes_of((0, 0, 60, 40), *((x, y, x + 4, y + 4) for x in range(0, 60, 4) for y in range(0, 40, 4)))
        shown = Erase(prob=1, count=2, area=(0.05, 0.1)).apply(sample_of(7, mask.copy(), boxes), np.random.default_rng(seed), 0.5)
        erased = (shown.masks["seg"] == IGNORE) & (mask != IGNORE)
        assert 0.04 < (shown.image != 7).any(axis=2).mean() < 0.2
        assert ((shown.image == 7).all(axis=2) | erased | (mask == IGNORE)).all()
        assert (shown.image[erased] != 7).any()
        hidden = (shown.image != 7).any(axis=2)
        found = shown.boxes["det"]
        assert not found.ignore[0]  # most of it can be seen
        covered = [hidden[int(y1):int(y2), int(x1):int(x2)].mean() for x1, y1, x2, y2 in found.xyxy[1:]]
        assert found.ignore[1:].tolist() == [share > 0.5 for share in covered]
        assert found.ignore.any()
        assert len(found.xyxy) == len(boxes.xyxy)


def test_a_mosaic_joins_its_tiles_and_what_one_of_them_does_not_label():
    tiles = Mosaic(centre=(0.5, 0.5)).draw((40, 60), np.random.default_rng(0))
    assert [tile.hw for tile in tiles] == [(20, 30)] * 4
    masks = [np.full((20, 30), k, np.uint8) for k in range(4)]
    samples = [sample_of(k, masks[k], boxes_of((1, 2, 11, 12)), (20, 30)) for k in range(4)]
    del samples[2].masks["seg"]
    samples[1].boxes["det"].known[1] = False
    shown = join_tiles(samples, tiles, np.zeros((40, 60, 3), np.uint8))
    corners = (slice(0, 20), slice(20, 40)), (slice(0, 30), slice(30, 60))
    expected = [(0, 0, 0), (1, 0, 1), (2, 1, 0), (3, 1, 1)]
    for k, row, column in expected:
        place = corners[0][row], corners[1][column]
        assert (shown.image[place] == k).all()
        assert (shown.masks["seg"][place] == (IGNORE if k == 2 else k)).all()
    assert shown.boxes["det"].xyxy.tolist() == [[1, 2, 11, 12], [31, 2, 41, 12], [1, 22, 11, 32], [31, 22, 41, 32]]
    assert shown.boxes["det"].known.tolist() == [True, False]
    del samples[3].boxes["det"]
    assert join_tiles(samples, tiles, np.zeros((40, 60, 3), np.uint8)).boxes == {}


def test_pasted_pixels_bring_their_labels_and_boxes_they_touch_are_ignored():
    mask, other_mask = np.zeros((40, 60), np.uint8), np.full((40, 60), IGNORE, np.uint8)
    other_mask[5:25, 10:12], other_mask[0:5, 8:14], other_mask[30:, :] = 1, 2, 0  # a pole, its sign, road
    own = boxes_of((10, 5, 12, 25), (40, 0, 60, 20))
    others = boxes_of((8, 0, 14, 5), (50, 30, 60, 40), (0, 0, 40, 30), known=(True, False))  # only of the first one much is pasted
    paste = CopyPaste(1, {"seg": ("pole", "sign")})
    shown = paste.apply(sample_of(7, mask, own), sample_of(200, other_mask, others), CLASSES, 0.3)
    thing = np.isin(other_mask, (1, 2))
    assert (shown.image[thing] == 200).all()
    assert (shown.image[~thing] == 7).all()
    assert (shown.masks["seg"] == np.where(thing, other_mask, 0)).all()
    found = shown.boxes["det"]
    assert found.xyxy.tolist() == [[10, 5, 12, 25], [40, 0, 60, 20], [8, 0, 14, 5]]
    assert found.ignore.tolist() == [True, False, True]  # the first is hidden
    assert found.known.tolist() == [True, False]
    none = paste.apply(sample_of(7, mask, own), sample_of(200), CLASSES, 0.3)
    assert (none.image == 7).all()


def test_pasting_over_a_task_that_the_other_does_not_label_leaves_it_unknown():
    other = sample_of(200, np.ones((40, 60), np.uint8))
    sample = sample_of(7, np.zeros((40, 60), np.uint8), boxes_of((1, 1, 5, 5)))
    sample.masks["lane"] = np.zeros((40, 60), np.uint8)
    shown = CopyPaste(1, {"seg": ("pole",)}).apply(sample, other, CLASSES, 0.3)
    assert (shown.masks["lane"] == IGNORE).all()
    assert shown.boxes == {}


CLASS_IDS = st.sampled_from([0, 1, 2, IGNORE])


@settings(max_examples=30, deadline=None)
@given(st.lists(CLASS_IDS, min_size=6, max_size=6), st.lists(CLASS_IDS, min_size=6, max_size=6), st.booleans(), st.booleans(),
       st.floats(0.2, 0.8), st.integers(0, 255), st.integers(0, 255))
def test_of_two_blended_images_what_both_say_is_known(own, others, labelled, known, share, grey, other_grey):
    """Boxes and ignore regions of both; where labels differ there is none; an unknown class stays unknown."""
    mask, other_mask = (np.array(values, np.uint8).reshape(2, 3) for values in (own, others))
    boxes, other_boxes = boxes_of((0, 0, 2, 1)), boxes_of((1, 0, 3, 2), (0, 1, 1, 2), known=(True, known), ignore=True)
    sample, other = sample_of(grey, mask.copy(), boxes, (2, 3)), sample_of(other_grey, other_mask, other_boxes, (2, 3))
    sample.masks["lane"] = np.zeros((2, 3), np.uint8)
    if not labelled:
        del other.boxes["det"]
    shown = MixUp(1, (share, share)).apply(sample, other, np.random.default_rng(0))
    np.testing.assert_allclose(shown.image, share * grey + (1 - share) * other_grey, atol=1)
    assert (other.image == other_grey).all()
    np.testing.assert_array_equal(shown.masks["seg"], np.where(mask == other_mask, mask, IGNORE))
    assert (shown.masks["lane"] == IGNORE).all()
    if not labelled:
        assert shown.boxes == {}
        return
    found = shown.boxes["det"]
    assert found.xyxy.tolist() == [[0, 0, 2, 1], [1, 0, 3, 2], [0, 1, 1, 2]]
    assert found.ignore.tolist() == [False, True, True]
    assert found.known.tolist() == [True, known]


def test_mixup_takes_two_windows_of_a_folder_and_depends_on_the_draw_alone(tasks):
    parts = Augmentation(mixup=MixUp(1))
    dataset = MultiTaskDataset(tasks, TrainPipeline(GEOMETRY, Photometric(prob=0), parts), cache_mb=4)
    plain = MultiTaskDataset(tasks, TrainPipeline(GEOMETRY, Photometric(prob=0)))
    more = 0
    for position in range(12):
        draw = SampleIndex(0, position, position % 6)
        shown, alone = dataset[draw], plain[draw]
        np.testing.assert_array_equal(shown.image, dataset[draw].image)
        own = len(alone.boxes["det"].xyxy)
        np.testing.assert_array_equal(shown.boxes["det"].xyxy[:own], alone.boxes["det"].xyxy)
        more += len(shown.boxes["det"].xyxy) - own
        known = shown.masks["seg"] != IGNORE
        assert (shown.masks["seg"] == alone.masks["seg"])[known].all()
    assert more > 6


@pytest.mark.parametrize(("part", "values"), [
    (MixUp, {"prob": 2}), (MixUp, {"share": (0.1, 0.5)}), (MixUp, {"share": (0.6, 0.5)}),
    (Erase, {"prob": 2}), (Erase, {"area": (0.2, 0.1)}), (Erase, {"count": 0}), (Mosaic, {"centre": (0, 0.5)}), (Mosaic, {"prob": -1}),
    (CopyPaste, {}), (CopyPaste, {"classes": {"seg": ()}}), (Photometric, {"jpeg": (0, 50)}), (Photometric, {"clahe": 0}),
])
def test_what_cannot_be_is_told(part, values):
    with pytest.raises(UserError):
        part(**values)


@pytest.mark.parametrize(("classes", "message"), [({"sge": ("pole",)}, r"classes\.sge: no segmentation task.*'seg'"),
                                                  ({"seg": ("poel",)}, r"classes\.seg: it has no class 'poel'.*'pole'")])
def test_classes_to_paste_have_to_be_there(classes, message):
    with pytest.raises(UserError, match=message):
        CopyPaste(1, classes).check(CLASSES, "augmentation.copy_paste")


@pytest.fixture(scope="module")
def tasks(tmp_path_factory):
    root = write_images(tmp_path_factory.mktemp("tiny") / "data")
    images = str(root / "images")
    return [TaskData("seg", "segmentation", ("sky", "ground", "thing"), (MaskFolder(images, str(root / "masks"), "own"),)),
            TaskData("det", "detection", ("blue", "yellow"), (CocoBoxes(images, str(root / "boxes.json"), "own"),))]


GEOMETRY = TrainGeometry(crop_hw=(48, 64), resize_type="none", scale_range=(0.8, 1.25))
ALL = Augmentation(Warp(0.5, rotation=8, perspective=0.05), Mosaic(0.5), CopyPaste(0.5, {"seg": ("thing",)}), Erase(0.5))


def test_off_is_as_it_was_and_on_depends_on_the_draw_alone(tasks):
    """Whatever part is on: boxes stay on their rectangles, which are bright, and have label 2 in the mask; the ground is no sky."""
    plain = MultiTaskDataset(tasks, TrainPipeline(GEOMETRY, Photometric(prob=0)))
    classes = {"seg": ("sky", "ground", "thing")}
    other = MultiTaskDataset(tasks, TrainPipeline(GEOMETRY, Photometric(prob=0), ALL, classes), cache_mb=4)
    seen = 0
    for position in range(40):
        draw = SampleIndex(0, position, position % 6)
        off, on, again = plain[draw], other[draw], other[draw]
        assert off.image.shape == on.image.shape == (48, 64, 3)
        np.testing.assert_array_equal(on.image, again.image)
        np.testing.assert_array_equal(on.masks["seg"], again.masks["seg"])
        found = on.boxes["det"]
        for x1, y1, x2, y2 in found.xyxy[~found.ignore]:
            inside = on.masks["seg"][int(y1) + 1:int(y2), int(x1) + 1:int(x2)]
            assert np.isin(inside, (2, IGNORE, 0, 1)).all()
            if inside.size > 60:
                assert (inside == 2).mean() > 0.25
                seen += 1
        thing, bright = on.masks["seg"] == 2, on.image.max(axis=2) > 180
        assert bright[thing].mean() > 0.9 or not thing.any()
    assert seen > 20


def test_a_bad_image_that_another_one_needs_is_told_and_replaced(tmp_path):
    root = write_images(tmp_path / "data")
    (root / "images" / "2.png").write_bytes(b"junk")
    task = TaskData("seg", "segmentation", ("sky", "ground", "thing"), (MaskFolder(str(root / "images"), str(root / "masks"), "own"),))
    dataset = MultiTaskDataset([task], TrainPipeline(GEOMETRY, Photometric(prob=0), Augmentation(mosaic=Mosaic(1))))
    skipped = [bad for position in range(12) for bad in dataset[SampleIndex(0, position, 0)].skipped]
    assert skipped
    assert {bad.path.name for bad in skipped} == {"2.png"}
