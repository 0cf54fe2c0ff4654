import dataclasses
import re
import shutil

import cv2
import numpy as np
import pytest

from mtzoo.data.dataset import MultiTaskDataset, eval_sets, read_sample
from mtzoo.data.geometry import TrainGeometry
from mtzoo.data.images import full_size, read_image
from mtzoo.data.photometric import Photometric
from mtzoo.data.pipeline import EvalPipeline, TrainPipeline
from mtzoo.data.sampler import SampleIndex
from mtzoo.data.sources import TaskData, UnlabelledImages
from mtzoo.errors import UserError
from mtzoo.ops.affine import map_boxes
from mtzoo.ops.geometry import DeployGeometry
from mtzoo.structures import IGNORE

PIPELINE = TrainPipeline(TrainGeometry(crop_hw=(32, 64), resize_hw=(48, 64), scale_range=(0.8, 1.5), focus_prob=0.5))
DEPLOY = EvalPipeline(DeployGeometry(resized_hw=(48, 64), drop_top=16, input_hw=(32, 64)))


def assert_same(first, second):
    np.testing.assert_array_equal(first.image, second.image)
    np.testing.assert_array_equal(first.affine, second.affine)
    assert first.path == second.path
    for task, boxes in first.boxes.items():
        np.testing.assert_array_equal(boxes.xyxy, second.boxes[task].xyxy)
    for task, mask in first.masks.items():
        np.testing.assert_array_equal(mask, second.masks[task])


def test_one_image_carries_the_labels_of_all_tasks(tiny):
    dataset = MultiTaskDataset([tiny.boxes_task(), tiny.masks_task()], PIPELINE)
    assert [g.name for g in dataset.groups] == ["tiny"]
    assert dataset.groups[0].sources == {"det": "tiny", "seg": "tiny"}
    samples = {s.path.stem: s for s in (dataset[SampleIndex(0, i, i)] for i in range(4))}
    assert {k: (sorted(s.boxes), sorted(s.masks)) for k, s in samples.items()} == {
        "a": (["det"], ["seg"]), "b": (["det"], ["seg"]), "c": (["det"], ["seg"]), "d": ([], ["seg"])}
    assert samples["a"].image.shape == (32, 64, 3)
    assert samples["a"].masks["seg"].shape == (32, 64)


def test_a_draw_says_all(tiny):
    tasks = [tiny.boxes_task(), tiny.masks_task()]
    plain, cached = MultiTaskDataset(tasks, PIPELINE, seed=1), MultiTaskDataset(tasks, PIPELINE, seed=1, cache_mb=1)
    for draw in (SampleIndex(0, 5, 0), SampleIndex(3, 0, 2)):
        expected = plain[draw]
        for _ in range(2):  # read, then from the cache
            assert_same(expected, cached[draw])
    assert (plain[SampleIndex(0, 5, 0)].affine != plain[SampleIndex(0, 6, 0)].affine).any()


def test_other_folders_are_other_groups(tiny, tmp_path):
    other = dataclasses.replace(tiny.masks_source(), name="other", weight=2.0, images=str(tmp_path / "more"))
    (tmp_path / "more").mkdir()
    cv2.imwrite(str(tmp_path / "more" / "b.png"), np.zeros((48, 64, 3), np.uint8))
    for stem in "acd":
        (tiny.root / "masks" / f"{stem}.png").unlink()
    task = TaskData("seg", "segmentation", ("road", "sky"), (tiny.masks_source(), other))
    dataset = MultiTaskDataset([task], PIPELINE)
    assert [(g.name, g.weight, len(g.records)) for g in dataset.groups] == [("tiny", 1.0, 1), ("other", 2.0, 1)]
    assert [s.name for s in eval_sets([task], DEPLOY)] == ["tiny", "other"]


def test_two_annotation_files_of_one_task_are_merged(tiny):
    first, second = tiny.boxes_source(labels=("person",), name="p"), tiny.boxes_source(labels=("car",), name="c")
    task = TaskData("det", "detection", ("person", "car", "sign"), (first, second))
    dataset = MultiTaskDataset([task], PIPELINE)
    boxes = dataset.records[0].boxes["det"]
    assert len(boxes.xyxy) == 4
    assert boxes.known.tolist() == [True, True, False]
    assert dataset.groups[0].sources == {"det": "p+c"}


def test_eval_keeps_labels_in_original_pixels(tiny):
    (eval_set,) = eval_sets([tiny.boxes_task(), tiny.masks_task()], DEPLOY)
    assert eval_set.sources == {"det": "tiny", "seg": "tiny"}
    sample = eval_set.dataset[0]
    assert sample.image.shape == (32, 64, 3)
    np.testing.assert_array_equal(sample.affine, [[1, 0, 0], [0, 1, -16]])
    np.testing.assert_array_equal(sample.boxes["det"].xyxy[0], [4, 8, 24, 18])
    assert sample.masks["seg"].shape == sample.original_hw == (48, 64)
    assert (sample.masks["seg"][:4] == IGNORE).all()


SMALLER = TrainPipeline(TrainGeometry(crop_hw=(32, 64), resize_hw=(48, 1000), scale_range=(0.4, 1.0), focus_prob=0.5,
                                      reduced_decode=True), Photometric(prob=0))


def tasks_of(photos):
    return [photos.boxes_task(("car",)), photos.masks_task(("ground", "car"))]


def test_labels_fit_images_decoded_smaller(photos):
    dataset = MultiTaskDataset(tasks_of(photos), SMALLER, seed=2)
    for position in range(60):
        record = dataset.records[position % 4]
        assert read_sample(record, reduction=SMALLER.geometry.reduction).image.shape == (48, 80, 3)
        sample = dataset[SampleIndex(0, position, position % 4)]
        assert sample.original_hw == (96, 160)
        mask, inside = sample.masks["seg"], sample.masks["seg"] != IGNORE
        bright = sample.image[..., 0] > 127
        edge = cv2.dilate(mask, np.ones((3, 3))) != cv2.erode(mask, np.ones((3, 3)))
        assert (bright == (mask == 1))[inside & ~edge].all()
        (box,), (mapped,) = sample.boxes["det"].xyxy, map_boxes(sample.affine, record.boxes["det"].xyxy)
        np.testing.assert_array_equal(box, mapped.clip(0, [64, 32, 64, 32]))
        ys, xs = np.nonzero(mask == 1)
        assert np.abs(box - [xs.min(), ys.min(), xs.max() + 1, ys.max() + 1]).max() <= 0.51


def test_an_image_decoded_smaller_says_so_by_its_affine(photos):
    dataset = MultiTaskDataset(tasks_of(photos), SMALLER)
    full, small = (read_sample(dataset.records[1], reduction=reduction) for reduction in (full_size, lambda hw: 4))
    assert (full.original_hw, small.original_hw) == ((96, 160), (96, 160))
    np.testing.assert_array_equal(small.affine, [[0.25, 0, 0], [0, 0.25, 0]])
    np.testing.assert_array_equal(small.masks["seg"], full.masks["seg"])
    assert np.abs(small.image - cv2.resize(full.image, (40, 24), interpolation=cv2.INTER_AREA).astype(int)).mean() < 2


def test_a_draw_says_all_of_images_decoded_smaller(photos):
    plain, cached = (MultiTaskDataset(tasks_of(photos), SMALLER, seed=1, cache_mb=mb) for mb in (0, 1))
    for draw in (SampleIndex(0, 5, 0), SampleIndex(3, 0, 1)):
        for _ in range(2):  # read, then from the cache
            assert_same(plain[draw], cached[draw])
    assert 0 < cached.cache.used_bytes < 2 * (96 * 160 * 3)  # two full images alone would take more


def test_evaluation_decodes_in_full(photos, monkeypatch):
    (eval_set,) = eval_sets(tasks_of(photos), DEPLOY)
    flags, imdecode = [], cv2.imdecode
    monkeypatch.setattr(cv2, "imdecode", lambda data, flag: flags.append(flag) or imdecode(data, flag))
    shown = [eval_set.dataset[i] for i in range(4)]
    assert set(flags) == {cv2.IMREAD_COLOR, cv2.IMREAD_UNCHANGED}
    for sample in shown:
        np.testing.assert_array_equal(sample.image, DEPLOY.geometry.view((96, 160)).show(read_image(sample.path)))


def break_image_size(tiny):
    cv2.imwrite(str(tiny.root / "images" / "a.png"), np.zeros((40, 64, 3), np.uint8))


def break_mask_size(tiny):
    cv2.imwrite(str(tiny.root / "masks" / "a.png"), np.zeros((40, 64), np.uint8))


def break_mask_value(tiny):
    cv2.imwrite(str(tiny.root / "masks" / "a.png"), np.full((48, 64), 9, np.uint8))


@pytest.mark.parametrize(("damage", "words"), [
    (break_image_size, "images/a.png: the image is 64x40, its annotations say 64x48"),
    (break_mask_size, "masks/a.png: the mask is 64x40, its image 64x48"),
    (break_mask_value, r"masks/a.png: mask value 9 \(3072 px\) has no class"),
])
def test_faults_of_an_image_are_told_with_its_stand_in(tiny, damage, words):
    dataset = MultiTaskDataset([tiny.boxes_task(), tiny.masks_task()], PIPELINE)
    damage(tiny)
    (bad,) = {bad for position in range(9) for bad in dataset[SampleIndex(0, position, 0)].skipped}
    assert bad.path == tiny.root / "images" / "a.png"
    assert re.search(words, bad.fault)


def test_a_draw_of_a_bad_image_says_all_too(tiny):
    tasks = [tiny.boxes_task(), tiny.masks_task()]
    (tiny.root / "images" / "a.png").write_bytes(b"junk")
    plain, cached = MultiTaskDataset(tasks, PIPELINE, seed=1), MultiTaskDataset(tasks, PIPELINE, seed=1, cache_mb=1)
    stand_ins = []
    for position in range(40):
        sample = plain[SampleIndex(2, position, 0)]
        assert_same(sample, cached[SampleIndex(2, position, 0)])
        assert {bad.path.stem for bad in sample.skipped} == {"a"}
        stand_ins.append(sample.path.stem)
        same = plain[SampleIndex(2, position, "abcd".index(sample.path.stem))]
        assert not same.skipped
        assert_same(sample, same)  # the transforms are the place's, not the image's
    assert set(stand_ins) == set("bcd")
    assert [plain[SampleIndex(3, i, 0)].path.stem for i in range(40)] != stand_ins


def test_stand_ins_come_from_the_same_folder(tiny, tmp_path):
    (tmp_path / "more").mkdir()
    for stem in "abc":
        cv2.imwrite(str(tmp_path / "more" / f"{stem}.png"), np.zeros((48, 64, 3), np.uint8))
    (tiny.root / "masks" / "d.png").unlink()
    other = tiny.masks_source(name="other", images=str(tmp_path / "more"))
    dataset = MultiTaskDataset([TaskData("seg", "segmentation", ("road", "sky", "tree"), (tiny.masks_source(), other))], PIPELINE)
    assert len(dataset) == 6
    for folder, index in (("images", 0), ("more", 5)):
        dataset.records[index].path.write_bytes(b"junk")
        samples = [dataset[SampleIndex(0, position, index)] for position in range(20)]
        assert {s.path.parent.name for s in samples} == {folder}
        assert all(s.skipped for s in samples)


def test_a_folder_without_one_good_image_stops_at_once(tiny):
    dataset = MultiTaskDataset([tiny.masks_task()], PIPELINE)
    for stem in "abcd":
        (tiny.root / "images" / f"{stem}.png").write_bytes(b"junk")
    with pytest.raises(UserError, match=r"images/b.png: no JPEG.* \(so are the next 15 images drawn from its folder;"):
        dataset[SampleIndex(0, 0, 1)]


def test_images_that_have_been_mended_are_bad_no_more(tiny):
    dataset = MultiTaskDataset([tiny.masks_task()], PIPELINE)
    a, b = (tiny.root / "images" / f"{stem}.png" for stem in "ab")
    b.write_bytes(b"junk")
    assert dataset.still_bad({a, b, tiny.root / "images" / "dropped.png"}) == {b}


def test_faults_of_label_files_are_told_at_once(tiny):
    (tiny.root / "images" / "c.png").unlink()
    content = tiny.coco
    content["annotations"][0]["bbox"][2] = -1
    tiny.write_coco(content)
    with pytest.raises(UserError, match=r"annotations\[0\] id=10: .*\(and 1 more; `mtzoo data check` lists them\)"):
        MultiTaskDataset([tiny.boxes_task()], PIPELINE)


def test_images_without_labels_are_samples_of_any_task(tiny, tmp_path):
    drives = tmp_path / "drives"
    (drives / "morning").mkdir(parents=True)
    for name in ("a.jpg", "a.png", "morning/b.jpg"):
        cv2.imwrite(str(drives / name), np.zeros((48, 64, 3), np.uint8))
    (drives / "notes.txt").write_text("")
    source = UnlabelledImages(str(drives), "drives", weight=0.5)
    tasks = [dataclasses.replace(task, sources=(*task.sources, source)) for task in (tiny.boxes_task(), tiny.masks_task())]
    dataset = MultiTaskDataset(tasks, PIPELINE)
    labelled, unlabelled = dataset.groups
    assert (len(labelled.records), unlabelled.name, unlabelled.weight) == (4, "drives", 0.5)
    assert [record.path.relative_to(drives).as_posix() for record in unlabelled.records] == ["a.jpg", "a.png", "morning/b.jpg"]
    sample = dataset[SampleIndex(0, 0, 4)]
    assert (sample.source, sample.boxes, sample.masks) == ("drives", {}, {})
    shutil.rmtree(drives)
    drives.mkdir()
    with pytest.raises(UserError, match="source 'drives' of task 'det' is empty: no image; check its paths"):
        MultiTaskDataset(tasks, PIPELINE)


def test_empty_sources_and_wrong_kinds(tiny):
    content = tiny.coco
    tiny.write_coco({**content, "images": [], "annotations": []})
    with pytest.raises(UserError, match="source 'tiny' of task 'det' is empty"):
        MultiTaskDataset([tiny.boxes_task()], PIPELINE)
    with pytest.raises(UserError, match="is for kind='segmentation', and the task has kind='detection'; expected CocoBoxes$"):
        MultiTaskDataset([TaskData("det", "detection", ("a",), (tiny.masks_source(),))], PIPELINE)


def test_nothing_of_the_users_is_rewritten(tiny):
    def state():
        return {p: (p.stat().st_mtime_ns, p.stat().st_size) for p in tiny.root.rglob("*")}
    before = state()
    dataset = MultiTaskDataset([tiny.boxes_task(), tiny.masks_task()], PIPELINE)
    dataset[SampleIndex(0, 0, 0)]
    assert state() == before
