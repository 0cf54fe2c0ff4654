"""COCO average precision, in original pixels."""

import contextlib
import io
from collections.abc import Sequence

import numpy as np

from mtzoo.evaluation.matching import MAX_DETECTIONS, comparable
from mtzoo.structures import Prediction, Sample

SIZES = ("all", "small", "medium", "large")  # in the order of its tools


def coco_backends() -> dict[str, tuple[type, type]]:
    """Installed implementations, the preferred first: name -> (COCO, COCOeval). They give the same figures."""
    found = {}
    with contextlib.suppress(ImportError):
        from faster_coco_eval import COCO, COCOeval_faster
        found["faster-coco-eval"] = (COCO, COCOeval_faster)
    with contextlib.suppress(ImportError):
        from pycocotools.coco import COCO
        from pycocotools.cocoeval import COCOeval
        found["pycocotools"] = (COCO, COCOeval)
    return found


def _to_xywh(xyxy: np.ndarray) -> list[list[float]]:
    """(B, 4) xyxy -> COCO's x, y, width, height."""
    xyxy = np.asarray(xyxy, dtype=np.float64).reshape(-1, 4)
    return np.concatenate([xyxy[:, :2], xyxy[:, 2:] - xyxy[:, :2]], axis=1).tolist()


class CocoBoxMetric:
    """AP (IoU 0.50 to 0.95) and AP50 of one task, per class and their mean; percent.

    Ignore regions are COCO's crowds: a detection mostly inside one is no false alarm. On an image whose source does not
    label a class, that class is not evaluated. A class without ground truth is NaN and leaves the mean.
    backend: a key of `coco_backends()`; None takes the first. Raises ImportError if there is none.
    """

    def __init__(self, task: str, classes: Sequence[str], backend: str | None = None) -> None:
        backends = coco_backends()
        if not backends:
            raise ImportError("detection metrics need faster-coco-eval or pycocotools; pip install faster-coco-eval")
        self.task, self.classes = task, tuple(classes)
        self._coco, self._eval = backends[backend or next(iter(backends))]
        self._images: list[dict] = []
        self._truths: list[dict] = []
        self._results: list[dict] = []

    def add(self, prediction: Prediction, sample: Sample) -> None:
        """Count one image; prediction and the sample's boxes in original pixels. An unlabelled image is skipped."""
        boxes = sample.boxes.get(self.task)
        if boxes is None:
            return
        image_id = len(self._images) + 1
        self._images.append({"id": image_id, "height": sample.original_hw[0], "width": sample.original_hw[1]})
        for xywh, label, ignore in zip(_to_xywh(boxes.xyxy), boxes.labels.tolist(), boxes.ignore.tolist()):
            if boxes.known[label]:
                self._truths.append({"id": len(self._truths) + 1, "image_id": image_id, "category_id": label + 1,
                                     "bbox": xywh, "area": xywh[2] * xywh[3], "iscrowd": int(ignore)})
        found = prediction.detections[self.task]
        for xywh, score, label in zip(_to_xywh(found.boxes), comparable(found.scores).tolist(), found.labels.tolist()):
            if boxes.known[label]:
                self._results.append({"image_id": image_id, "category_id": label + 1, "bbox": xywh, "score": score})

    def merge(self, later: "CocoBoxMetric") -> None:
        images, truths = len(self._images), len(self._truths)
        self._images += [{**image, "id": image["id"] + images} for image in later._images]
        self._truths += [{**truth, "id": truth["id"] + truths, "image_id": truth["image_id"] + images} for truth in later._truths]
        self._results += [{**result, "image_id": result["image_id"] + images} for result in later._results]

    def compute(self) -> dict[str, float]:
        """{"AP", "AP50", "AP/<class>", "AP50/<class>"}, percent."""
        per_class = self._average_precision()  # (K, 2)
        seen = per_class[~np.isnan(per_class).any(axis=1)]
        mean = seen.mean(axis=0) if len(seen) else np.full(2, np.nan)
        names = ("AP", "AP50")
        metrics = {name: float(value) for name, value in zip(names, mean)}
        for column, name in enumerate(names):
            metrics |= {f"{name}/{label}": float(v) for label, v in zip(self.classes, per_class[:, column])}
        return metrics

    def by_size(self) -> dict[str, dict[str, float]]:
        """{"AP": {"all", "small", "medium", "large"}, "AP50": ...}, means over classes, percent; NaN without ground truth.

        COCO's sizes by area in original pixels: small below 32 x 32, large from 96 x 96 on.
        """
        if not self._truths or not self._results:
            value = 0.0 if any(not t["iscrowd"] for t in self._truths) else float("nan")
            return {name: dict.fromkeys(SIZES, value) for name in ("AP", "AP50")}
        precision = self._precision()  # (T, R, K, A)
        found = {}
        for name, values in (("AP", precision.mean(axis=(0, 1))), ("AP50", precision[0].mean(axis=0))):  # (K, A)
            seen = np.ma.masked_less(values, 0)  # -1 is a class without such ground truth
            found[name] = dict(zip(SIZES, (100 * seen.mean(axis=0)).filled(np.nan).tolist()))
        return found

    def _average_precision(self) -> np.ndarray:
        """(K, 2) AP and AP50 in percent, NaN where a class has no ground truth."""
        has_truth = np.zeros(len(self.classes), dtype=bool)
        has_truth[[t["category_id"] - 1 for t in self._truths if not t["iscrowd"]]] = True
        values = np.where(has_truth, 0.0, np.nan)[:, None].repeat(2, axis=1)
        if not has_truth.any() or not self._results:
            return values
        precision = self._precision()[..., SIZES.index("all")]
        values[has_truth, 0] = 100 * precision.mean(axis=(0, 1))[has_truth]
        values[has_truth, 1] = 100 * precision[0].mean(axis=0)[has_truth]
        return values

    def _precision(self) -> np.ndarray:
        """COCO's interpolated precision (T, R, K, A): IoU thresholds, recall steps, classes, SIZES; -1 where a class has no
        ground truth of that size."""
        with contextlib.redirect_stdout(io.StringIO()):  # both tools print their progress
            truth = self._coco()
            truth.dataset = {"info": {}, "images": self._images, "annotations": self._truths,
                             "categories": [{"id": k + 1, "name": name} for k, name in enumerate(self.classes)]}
            truth.createIndex()
            results = truth.loadRes([dict(r) for r in self._results])
            evaluation = self._eval(truth, results, iouType="bbox")
            evaluation.params.maxDets = [1, 10, MAX_DETECTIONS]
            evaluation.evaluate()
            evaluation.accumulate()
        return evaluation.eval["precision"][..., -1]
