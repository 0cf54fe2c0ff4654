"""The data sets in configs/common, read as a config that uses them reads them."""

import cv2
import numpy as np
import pytest

from mtzoo.config import load_config
from mtzoo.data.check import check_sources
from mtzoo.data.dataset import MultiTaskDataset, read_arrays
from mtzoo.data.groups import build_groups
from mtzoo.data.pipeline import TrainPipeline
from mtzoo.data.sampler import SampleIndex
from mtzoo.engine.evaluate import task_data
from mtzoo.errors import UserError
from mtzoo.locate import find_config, shipped_folder
from mtzoo.structures import IGNORE

USE = """from mmengine.config import read_base

with read_base():
    from ..common.{name} import *
    from ..common.schedules import solver

tasks = dict(seg=dict(_seg, nodes=[dict(name="seg_head", type="DenseSegmentationHead")], loss=dict(type="SegmentationLoss")))
fusion_bn_patterns = {{}}
"""


def config_on(name, folder, data_root, **options):
    """A config on the data set `name`, written into `folder`, that reads `data_root`."""
    (folder / "common").symlink_to(shipped_folder("configs") / "common")
    (folder / "mine").mkdir()
    path = folder / "mine" / "net.py"
    path.write_text(USE.format(name=name))
    return load_config(path, {"data_root": str(data_root), **options})


def write(path, array):
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), array)


def stems(config, split):
    return [[record.path.stem for record in group.records] for group in build_groups(task_data(config, split))]


def pictures(root, count, images="images", masks="masks", object_value=1):
    """Black pictures of 60x80 and a light rectangle; masks say where it is."""
    for i in range(count):
        mask = np.zeros((60, 80), np.uint8)
        mask[20:40, 10 + i:50 + i] = 1
        write(root / images / f"{i:02}.jpg", np.repeat(mask[..., None] * 200, 3, axis=2))
        write(root / masks / f"{i:02}.png", mask * object_value)


def test_a_folder_of_ones_own_keeps_every_fifth_image_for_validation(tmp_path):
    pictures(tmp_path / "own", 11)
    config = config_on("folder", tmp_path, tmp_path / "own")
    assert stems(config, "val") == [["04", "09"]]
    assert stems(config, "train") == [["00", "01", "02", "03", "05", "06", "07", "08", "10"]]
    assert config.tasks[0].classes == ("background", "object")
    pipeline = TrainPipeline(config.train_geometry, config.photometric)
    sample = MultiTaskDataset(task_data(config, "train"), pipeline)[SampleIndex(0, 0, 3)]
    assert sample.image.shape == (512, 512, 3)
    assert set(np.unique(sample.masks["seg"])) <= {0, 1, IGNORE}


def test_the_quick_start_learns_two_classes_everywhere(tmp_path):
    pictures(tmp_path / "own", 5)
    config = load_config(find_config("zoo/bisenet_optic_disc"), {"data_root": str(tmp_path / "own")})
    (task,) = config.tasks
    assert task.classes == ("background", "object")
    assert {head.params["num_classes"] for head in (task.head, *(auxiliary.node for auxiliary in task.auxiliary))} == {2}
    assert len(task.auxiliary) == 4
    assert (stems(config, "train"), stems(config, "val")) == ([["00", "01", "02", "03"]], [["04"]])
    assert config.solver[0].float_phase.iterations == 1000


def test_a_folder_for_validation_replaces_the_split(tmp_path):
    pictures(tmp_path / "own", 3)
    pictures(tmp_path / "own" / "val", 2)
    own = {f"sources.seg_{part}.{key}": None for part in ("train", "val") for key in ("split", "val_every")}
    config = config_on("folder", tmp_path, tmp_path / "own", **own, **{
        "sources.seg_val.images": "{data_root}/val/images", "sources.seg_val.masks": "{data_root}/val/masks"})
    assert stems(config, "train") == [["00", "01", "02"]]
    assert stems(config, "val") == [["00", "01"]]


def test_faults_of_a_folder_of_ones_own_are_one_line_each(tmp_path):
    own = tmp_path / "own"
    config = config_on("folder", tmp_path, own)
    faults = lambda: [str(fault) for fault in check_sources(task_data(config, "train")).faults]  # noqa: E731
    assert faults() == [f"source 'seg_train': no images folder {own}/images; check its path"]
    (own / "images").mkdir(parents=True)
    (own / "masks").mkdir()
    assert faults() == [f"{own}/images: source 'seg_train' of task 'seg' is empty: no labelled image; check its paths"]
    pictures(own, 4)
    assert faults() == [f"source 'seg_train': val_every=5: {own}/images has 4 labelled images, too few for a split; add images, or "
                        "name a folder of images for validation"]
    pictures(own, 6, object_value=7)
    assert faults()[0] == (f"{own}/masks/00.png: mask value 7 (800 px) has no class; give it one (or 255) in label_map of source "
                           "'seg_train'")


def test_persons_are_read_as_published(tmp_path):
    root = tmp_path / "human_seg"
    pictures(root, 6, "Training_Images", "Ground_Truth", object_value=255)
    half = cv2.resize(np.kron(np.array([[0, 255]], np.uint8), np.ones((60, 40), np.uint8)), (27, 20), interpolation=cv2.INTER_NEAREST)
    write(root / "Ground_Truth" / "02.png", half)  # a third of the picture's 60x80, in whole pixels
    config = config_on("human_seg", tmp_path, tmp_path)
    assert check_sources(task_data(config, "train")).faults == []
    (group,) = build_groups(task_data(config, "train"))
    image, masks = read_arrays(group.records[2])
    assert image.shape[:2] == masks["seg"].shape == (60, 80)
    assert masks["seg"][:, :38].max() == 0
    assert masks["seg"][:, 42:].min() == 1
    write(root / "Ground_Truth" / "02.png", half[:, :20])
    message = "02.png: the mask is 20x20, its image 80x60; their aspects differ: give the mask the view of the image"
    (fault,) = check_sources(task_data(config, "train")).faults
    assert str(fault).endswith(message)
    with pytest.raises(UserError, match=message):
        read_arrays(group.records[2])


def test_cityscapes_is_read_in_its_own_layout(tmp_path):
    root = tmp_path / "cityscapes"
    ids = np.array([[7, 33, 0, 1], [26, 4, 24, 10]], np.uint8)  # road, bicycle, unlabeled, ego vehicle; car, static, person, rail track
    for part in ("train", "val"):
        for city in ("aachen", "zurich"):
            name = f"{part}/{city}/{city}_000001_000019"
            write(root / f"leftImg8bit/{name}_leftImg8bit.png", np.zeros((2, 4, 3), np.uint8))
            write(root / f"gtFine/{name}_gtFine_labelIds.png", ids)
            for other in ("color", "instanceIds", "labelTrainIds"):
                write(root / f"gtFine/{name}_gtFine_{other}.png", ids + 100)
    config = config_on("cityscapes", tmp_path, root)
    assert len(config.tasks[0].classes) == 19
    for part in ("train", "val"):
        assert check_sources(task_data(config, part)).faults == []
        (group,) = build_groups(task_data(config, part))
        assert [record.path.parent.name for record in group.records] == ["aachen", "zurich"]
        assert read_arrays(group.records[1])[1]["seg"].tolist() == [[0, 18, 255, 255], [13, 255, 11, 255]]


@pytest.mark.parametrize(("name", "split", "counts"), [("camvid", "train", [367]), ("camvid", "val", [101, 62]),
                                                       ("human_seg", "train", [186]), ("human_seg", "val", [46])])
def test_real_images_come_with_the_labels_they_have(name, split, counts, tmp_path, shared_data):
    if not (shared_data / name).is_dir():
        pytest.skip(f"no {name}/ in {shared_data}")
    config = config_on(name, tmp_path, shared_data)
    groups = build_groups(task_data(config, split))
    assert [len(group.records) for group in groups] == counts
    seen = set()
    for record in groups[0].records[::20]:
        image, masks = read_arrays(record)
        assert image.shape[:2] == masks["seg"].shape
        seen |= set(np.unique(masks["seg"]).tolist())
    assert seen - {IGNORE} == set(range(len(config.tasks[0].classes)))
    assert (IGNORE in seen) == (name == "camvid")  # of void; persons are cut out to the last pixel
