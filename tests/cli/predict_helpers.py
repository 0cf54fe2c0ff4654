"""`mtzoo predict` with a model that needs no network."""

from dataclasses import replace

import cv2
import numpy as np

from mtzoo.cli import main as cli
from mtzoo.recipes import predict
from mtzoo.structures import Classification, Detections, Prediction


class FakeModel:
    """Sees one strong and one weak person, and a road below the middle."""

    classes = {"det_person": ("person",), "seg_default": ("sky", "road")}
    box_classes = {"det_person": ("person",)}

    def window(self, original_hw):
        return None

    def predict(self, image):
        h, w = image.shape[:2]
        boxes = np.array([[w / 4, h / 4, w / 2, h / 2], [0, 0, 5, 5]], np.float32)
        labels = np.zeros((h, w), np.uint8)
        labels[h // 2:] = 1
        return Prediction({"det_person": Detections(boxes, np.array([0.9, 0.1], np.float32), np.zeros(2, np.int64))},
                          {"seg_default": labels})


class ClassifyingModel(FakeModel):
    """Says that it is night, with or without boxes and a road."""

    def __init__(self, alone=False):
        self.alone = alone
        self.box_classes = {} if alone else super().box_classes
        self.classes = {**({} if alone else super().classes), "cls_time": ("day", "night")}

    def predict(self, image):
        said = {"cls_time": Classification(1, np.array([0.25, 0.75], np.float32))}
        return Prediction(classifications=said) if self.alone else replace(super().predict(image), classifications=said)


def use_fake_model(monkeypatch, folder, model=None):
    """A file that `mtzoo predict` takes for a model, in `folder`. model: what it then loads, default a `FakeModel`."""
    path = folder / "model.onnx"
    path.write_bytes(b"")
    monkeypatch.setattr(predict, "load_models", lambda paths, window, executor, threads: model or FakeModel())
    return path


def write_image(path, hw=(60, 100)):
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.full((*hw, 3), 90, np.uint8))
    return path


def run(model, *inputs, out):
    return cli.main(["predict", str(model), *map(str, inputs), "--out", str(out)])
