"""Labels of whole images: by folder, by text file, by the renderer; what is no class says nothing."""

import cv2
import numpy as np
import pytest

from mtzoo.data.augmentation import MixUp, Mosaic, join_tiles
from mtzoo.data.check import check_sources
from mtzoo.data.dataset import MultiTaskDataset
from mtzoo.data.groups import build_groups, collect_groups
from mtzoo.data.image_label_sources import SceneLabels
from mtzoo.data.image_labels import read_image_labels
from mtzoo.data.loader import load_batch
from mtzoo.data.pipeline import TrainPipeline
from mtzoo.data.sampler import SampleIndex
from mtzoo.data.sources import OF_SCENES, ImageFolder, LabelList, SyntheticScenes, TaskData
from mtzoo.data.stats import classes_without_labels
from mtzoo.data.synthetic import scene
from mtzoo.data.synthetic.attributes import ATTRIBUTES, scene_attributes
from mtzoo.errors import UserError
from mtzoo.structures import NO_LABEL, Sample
from tests.tiny import write_images

CLASSES = ("day", "night")


def write(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.full((32, 48, 3), 90, np.uint8))


@pytest.fixture
def root(tmp_path):
    for name in ("day/a.png", "day/deep/b.png", "night/c.png", "dusk/d.png", "unclear/e.png"):
        write(tmp_path / "images" / name)
    return tmp_path / "images"


def task_of(*sources, classes=CLASSES):
    return TaskData("time", "classification", classes, sources)


def labels(groups):
    return {record.path.name: record.image_labels.get("time") for group in groups for record in group.records}


def test_folders_are_labels_and_other_folders_say_nothing(root):
    source = ImageFolder(str(root), "f", categories={"dusk": "night", "unclear": "ignore"})
    assert labels(build_groups([task_of(source)])) == {"a.png": 0, "b.png": 0, "c.png": 1, "d.png": 1}
    found, faults = read_image_labels(ImageFolder(str(root), "f", categories={"unclear": "ignore"}), "time", CLASSES)
    assert (set(found.labels.values()), dict(found.unused), faults) == ({0, 1}, {"dusk": 1}, [])


def test_two_images_may_have_one_stem(root):
    (root / "day" / "a.jpg").touch()
    found, faults = read_image_labels(ImageFolder(str(root), "f", categories={"dusk": "night", "unclear": "ignore"}), "time", CLASSES)
    assert {file for file in found.labels if file.startswith("day/a.")} == {"day/a.jpg", "day/a.png"}
    assert faults == []


def test_a_folder_can_be_split(root):
    parts = [labels(build_groups([task_of(ImageFolder(str(root), "f", split=split, val_every=2))])) for split in ("train", "val")]
    assert not parts[0].keys() & parts[1].keys()
    assert parts[0].keys() | parts[1].keys() == {"a.png", "b.png", "c.png"}


def test_a_tab_between_names_with_spaces(root, tmp_path):
    write(tmp_path / "images" / "day" / "a b.png")
    (tmp_path / "rows.tsv").write_text("day/a b.png\trainy night\n")
    source = LabelList(str(root), str(tmp_path / "rows.tsv"), "rows", separator="\t")
    assert labels(build_groups([task_of(source, classes=("day", "rainy night"))])) == {"a b.png": 1}


def test_rows_are_labels_beside_those_of_other_tasks(tmp_path):
    root = write_images(tmp_path / "data")
    rows = root / "time.csv"
    rows.write_text("0.png,day\n./1.png , night\n2.png,blurred\n")
    source = LabelList(str(root / "images"), str(rows), "rows", separator=",")
    assert labels(build_groups([task_of(source)])) == {"0.png": 0, "1.png": 1}
    checked = check_sources([task_of(source, classes=(*CLASSES, "dusk"))])
    assert checked.stats.images_of["time"].tolist() == [1, 1, 0]
    assert checked.stats.unused == {"blurred": 1}
    assert classes_without_labels(checked.stats, {"time": (*CLASSES, "dusk")}) == ["task 'time': not one image of 'dusk'"]


@pytest.mark.parametrize(("text", "fault"), [
    ("day\n", "row 1: 1 names, expected an image and its label"),
    ("0.png day\n0.png night\n", "row 2: image '0.png' is named in an earlier row"),
    ("../0.png day\n", "row 1: image '../0.png' leaves its folder"),
    ("gone.png day\n", "no such image file"),
])
def test_faults_name_the_row(tmp_path, text, fault):
    root = write_images(tmp_path / "data", 1)
    (root / "rows.txt").write_text(text)
    _, faults = collect_groups([task_of(LabelList(str(root / "images"), str(root / "rows.txt"), "rows"))])
    assert any(fault in str(each) for each in faults)


def test_faults_of_folders_and_of_what_is_named_wrongly(root):
    write(root / "loose.png")
    _, faults = collect_groups([task_of(ImageFolder(str(root), "f"))])
    assert "lies beside the folders of the classes" in str(faults[0])
    for changes, message in (({"categories": {"dask": "night"}}, "no image has this label; did you mean 'dusk'"),
                             ({"categories": {"dusk": "nigth"}}, "is not a class of the task; did you mean 'night'")):
        with pytest.raises(UserError, match=message):
            read_image_labels(ImageFolder(str(root), "f", **changes), "time", CLASSES)
    with pytest.raises(UserError, match="no label of .* is a class"):
        read_image_labels(ImageFolder(str(root), "f"), "time", ("summer",))
    with pytest.raises(UserError, match="is for kind='classification', and the task .*; expected MaskFolder or MaskList"):
        build_groups([TaskData("seg", "segmentation", CLASSES, (ImageFolder(str(root), "f"),))])


def test_two_sources_that_differ_are_a_fault(root, tmp_path):
    (tmp_path / "rows.txt").write_text("day/a.png night\n")
    _, faults = collect_groups([task_of(ImageFolder(str(root), "f"), LabelList(str(root), str(tmp_path / "rows.txt"), "rows"))])
    assert "gives it another label" in str(faults[0])


def test_scenes_know_what_they_are_without_being_rendered(monkeypatch):
    seen = []

    class Known(Exception):
        pass

    def noted(make):
        return lambda rng: seen.append(make(rng)) or seen[-1]

    def stop(*_):
        raise Known

    monkeypatch.setattr(scene, "sample_light", noted(scene.sample_light))
    monkeypatch.setattr(scene, "sample_road", noted(scene.sample_road))
    monkeypatch.setattr(scene, "Painter", stop)
    for index in range(5):
        seen.clear()
        with pytest.raises(Known):
            scene.render_scene(7, index, (96, 160))
        light, road = seen
        assert scene_attributes(7, index, (96, 160)) == {"time": light.time, "weather": light.weather, "road": road.kind}


def test_scene_labels_need_no_file():
    assert set(ATTRIBUTES) == set(OF_SCENES)
    source = SyntheticScenes(40, 3, "s", "data", "weather", (96, 160)).files()
    assert isinstance(source, SceneLabels)
    found, faults = read_image_labels(source, "weather", ATTRIBUTES["weather"])
    assert (list(found.labels)[:2], len(found.labels), faults) == (["000000.jpg", "000001.jpg"], 40, [])
    assert len(set(found.labels.values())) > 2


def test_windows_keep_the_label_and_a_batch_says_who_has_none(tmp_path):
    from mtzoo.data.geometry import TrainGeometry
    from mtzoo.data.photometric import Photometric

    root = write_images(tmp_path / "data")
    (root / "rows.txt").write_text("".join(f"{i}.png {CLASSES[i % 2]}\n" for i in range(3)))
    masks = TaskData("seg", "segmentation", ("sky", "ground", "thing"), (masks_of(root),))
    tasks = [task_of(LabelList(str(root / "images"), str(root / "rows.txt"), "rows")), masks]
    pipeline = TrainPipeline(TrainGeometry(crop_hw=(32, 32), scale_range=(0.5, 1.5), flip_prob=0.5), Photometric())
    dataset = MultiTaskDataset(tasks, pipeline)
    batch = load_batch(dataset, [SampleIndex(i, i, 0) for i in range(len(dataset))])
    order = [int(path.stem) for path in batch.paths]
    assert batch.image_labels["time"].tolist() == [i % 2 if i < 3 else NO_LABEL for i in order]
    assert batch.labelled["time"] == [n for n, i in enumerate(order) if i < 3]
    assert batch.labelled["seg"] == list(range(6))


def masks_of(root):
    from mtzoo.data.sources import MaskFolder

    return MaskFolder(str(root / "images"), str(root / "masks"), "masks")


def test_what_is_mixed_keeps_a_label_that_all_have():
    def sample(label):
        return Sample(np.zeros((40, 60, 3), np.uint8), None, "s", (40, 60), np.eye(2, 3),
                      image_labels={} if label is None else {"time": label})

    rng = np.random.default_rng(0)
    for others, kept in (((1, 1, 1), {"time": 1}), ((1, 0, 1), {}), ((1, None, 1), {})):
        assert MixUp(prob=1).apply(sample(1), sample(others[1]), rng).image_labels == kept
        tiles = Mosaic(centre=(0.5, 0.5)).draw((40, 60), rng)
        parts = [Sample(np.zeros((*tile.hw, 3), np.uint8), None, "s", (40, 60), np.eye(2, 3),
                        image_labels={} if label is None else {"time": label}) for tile, label in zip(tiles, (1, *others))]
        assert join_tiles(parts, tiles, np.empty((40, 60, 3), np.uint8)).image_labels == kept
