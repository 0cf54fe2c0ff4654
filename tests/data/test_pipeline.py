import numpy as np
import pytest

from mtzoo.data.dataset import MultiTaskDataset, eval_sets
from mtzoo.data.geometry import TrainGeometry
from mtzoo.data.photometric import Photometric
from mtzoo.data.pipeline import EvalPipeline, TrainPipeline, pick_focus
from mtzoo.data.sampler import SampleIndex
from mtzoo.data.sources import CocoBoxes, MaskFolder, TaskData
from mtzoo.ops.affine import invert, map_boxes
from mtzoo.ops.geometry import DeployGeometry
from mtzoo.structures import IGNORE, Boxes, Sample

CAMVID = ("sky", "building", "pole", "road", "pavement", "tree", "sign", "fence", "car", "pedestrian", "bicyclist")


def sample_of(boxes=None, mask=None):
    return Sample(np.zeros((40, 60, 3), np.uint8), None, "s", (40, 60), np.eye(2, 3), {"det": boxes} if boxes else {},
                  {} if mask is None else {"seg": mask})


def test_focus_falls_on_every_class_alike():
    mask = np.full((40, 60), IGNORE, np.uint8)
    mask[:30] = 1
    mask[32:36, 40:44] = 2
    boxes = Boxes(np.array([[10, 10, 20, 30], [0, 0, 4, 4]], np.float32), np.array([0, 1]), np.array([False, True]), np.ones(2, bool))
    rng = np.random.default_rng(0)
    points = [pick_focus(sample_of(boxes, mask), rng) for _ in range(600)]
    rare = sum(40 <= x < 44 and 32 <= y < 36 for x, y in points)
    box = sum((x, y) == (15, 20) for x, y in points)
    assert all(150 < count < 250 for count in (rare, box))
    assert all(y < 36 for _, y in points)  # never on ignored pixels, never on the ignore region


def test_no_labels_no_focus():
    assert pick_focus(sample_of(), np.random.default_rng(0)) is None


@pytest.fixture
def tasks(shared_data):
    root = shared_data / "camvid" / "val"
    identity = {**{k: k for k in range(11)}, 11: IGNORE}
    return [
        TaskData("seg", "segmentation", CAMVID, (MaskFolder(str(root / "images"), str(root / "masks"), "camvid", label_map=identity),)),
        TaskData("det", "detection", ("car",), (CocoBoxes(str(root / "images"), str(root / "boxes.json"), "camvid"),)),
    ]


@pytest.mark.parametrize("flip", [0.0, 1.0])
def test_boxes_and_masks_of_real_images_stay_together(tasks, flip):
    """CamVid's boxes were made from its masks, so after any window each side of a whole box still touches its class."""
    geometry = TrainGeometry(crop_hw=(352, 480), resize_hw=(360, 480), scale_range=(0.8, 2.0), flip_prob=flip, focus_prob=0.5)
    dataset = MultiTaskDataset(tasks, TrainPipeline(geometry, Photometric(prob=0)))
    sides = 0
    for position in range(12):
        sample = dataset[SampleIndex(0, position, position * 8)]
        car = sample.masks["seg"] == CAMVID.index("car")
        for x1, y1, x2, y2 in sample.boxes["det"].xyxy[~sample.boxes["det"].ignore]:
            if min(x1, y1) < 3 or x2 > 477 or y2 > 349:
                continue  # cut by the window: what touched the side may be gone
            for at, side in ((x1, 0), (x2, 0), (y1, 1), (y2, 1)):
                near = slice(int(at) - 2, int(at) + 3)
                strip = car[int(y1):int(y2) + 1, near] if side == 0 else car[near, int(x1):int(x2) + 1]
                assert strip.any()
                assert not strip.all()
                sides += 1
    assert sides > 30


def test_eval_affine_maps_predictions_back(tasks):
    deploy = DeployGeometry(resized_hw=(360, 480), drop_top=8, input_hw=(352, 480))
    (eval_set,) = eval_sets(tasks, EvalPipeline(deploy))
    sample = eval_set.dataset[0]
    assert eval_set.sources == {"seg": "camvid", "det": "camvid"}
    assert sample.image.shape == (352, 480, 3)
    boxes = sample.boxes["det"].xyxy
    np.testing.assert_allclose(map_boxes(invert(sample.affine), map_boxes(sample.affine, boxes)), boxes, atol=1e-3)
    whole = TrainGeometry(crop_hw=(360, 480), resize_hw=(360, 480), flip_prob=0)
    trained = MultiTaskDataset(tasks, TrainPipeline(whole, Photometric(prob=0)))[SampleIndex(0, 0, 0)]
    np.testing.assert_array_equal(sample.image, trained.image[8:])
