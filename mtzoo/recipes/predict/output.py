"""What a prediction leaves on disk: overlays, label maps and results.json."""

import os
import shutil
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any

import cv2
import numpy as np

from mtzoo.data.input_files import FileFailed
from mtzoo.data.names import name_problem
from mtzoo.data.saved_labels import SavedImage, SavedLabels
from mtzoo.data.video import count_frames
from mtzoo.errors import UserError, shown
from mtzoo.files import cannot_write, part_file, write_whole
from mtzoo.recipes.predict.min_score import MinScore
from mtzoo.strict_json import JsonRows, json_chunks
from mtzoo.structures import Prediction, Xyxy
from mtzoo.visualization.draw import draw_prediction

ADVICE = "choose another --out"
RESULTS = "results.json"
HEAD_BYTES = 64 << 10
JPEG_QUALITY = 92
SPARE_BYTES = 64 << 10
"""Room on the disk below which a video is given up before its end."""


def check_earlier(root: Path, dataset: Path | None) -> None:
    """Raises UserError for a results.json in `root` that no prediction wrote, and for labels in `dataset` of an earlier one, which may
    have been corrected. Links alone are what an interrupted run leaves of a data set."""
    results = root / RESULTS
    if results.exists():
        with open(results, "rb") as file:
            ours = b'"executor":' in file.read(HEAD_BYTES)
        if not ours:
            raise UserError(f"--out {root}: holds {RESULTS} of something else than `mtzoo predict`; {ADVICE}, nothing is overwritten")
    if dataset is not None and any(path.is_file() and not path.is_symlink() for path in dataset.rglob("*")):
        raise UserError(f"--save-labels: {dataset} holds labels of an earlier run, which may have been corrected by hand; {ADVICE}, or "
                        "remove it")


class Output:
    """A folder of answers. classes: task -> names; boxes weaker than `min_score` are neither drawn nor written."""

    def __init__(self, root: Path, classes: Mapping[str, Sequence[str]], min_score: MinScore, saved: SavedLabels | None = None) -> None:
        """saved: the data set that the answers to images are written as, too.

        Raises UserError for a task whose name leads elsewhere: label maps stand in folders of the tasks' names.
        """
        for task in classes:
            if name_problem(task) or Path(task).name != task:
                raise UserError(f"the model's task {shown(task)}: no name of a folder; use a model of your own, or export it again")
        self.root = root
        self.classes = classes
        self.min_score = min_score
        self.saved = saved
        self._taken: set[str] = set()
        self._images, self._videos, self._unreadable = (JsonRows(root, ADVICE) for _ in range(3))

    def add_image(self, path: Path, name: Path, image: np.ndarray, prediction: Prediction, window: Xyxy | None) -> None:
        """Write overlay and label maps of one image. image: (H, W, 3) uint8 BGR, its prediction in the same pixels; window: what
        a crop model saw of it."""
        name, prediction = self._unique(name), self.min_score.kept(prediction, self.classes)
        overlay = Path("overlays") / name.with_suffix(".jpg")
        picture = draw_prediction(image, prediction, self.classes, min_score=0.0, window=window)
        self._write_image(overlay, picture, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
        maps = {}
        for task, labels in prediction.label_maps.items():
            target = Path("labels") / task / name.with_suffix(".png")
            self._write_image(target, labels, [])
            maps[task] = target.as_posix()
        boxes = self.boxes(prediction)
        self._images.add({"file": str(path), "height": image.shape[0], "width": image.shape[1], "overlay": overlay.as_posix(),
                          "window": window, "label_maps": maps, "boxes": boxes, **self.image_labels(prediction)})
        if self.saved is not None:
            plain = [(box["class"], tuple(box["xyxy"]), box["score"]) for box in boxes]
            labels = [(task, self.classes[task][said.label], said.score) for task, said in prediction.classifications.items()]
            self.saved.add(path, SavedImage(name.as_posix(), image.shape[:2], plain, labels), prediction.label_maps,
                           prediction.detections)

    def open_video(self, path: Path, name: Path, hw: tuple[int, int], fps: float) -> "VideoOutput":
        """A context manager that takes frames of `hw`; when it is left, the video stands in the results."""
        overlay = Path("overlays") / self._unique(name).with_suffix(".mp4")
        record = {"file": str(path), "height": hw[0], "width": hw[1], "fps": fps, "overlay": overlay.as_posix(),
                  "frames": JsonRows(self.root, ADVICE)}
        return VideoOutput(self, self.root / overlay, record)

    def add_video(self, record: dict[str, Any]) -> None:
        """A video whose overlay is whole."""
        self._videos.add(record)

    def add_unreadable(self, path: Path, message: str) -> None:
        self._unreadable.add({"file": str(path), "error": message})

    def boxes(self, prediction: Prediction) -> list[dict[str, Any]]:
        """Boxes that were kept as plain data: task, class, score, xyxy in original pixels."""
        return [{"task": task, "class": self.classes[task][int(label)], "score": round(float(score), 4),
                 "xyxy": [round(float(v), 2) for v in xyxy]}
                for task, found in prediction.detections.items()
                for xyxy, score, label in zip(found.boxes, found.scores, found.labels)]

    def image_labels(self, prediction: Prediction) -> dict[str, dict[str, Any]]:
        """Classes of the whole image as plain data, with their key; nothing where the model has no such task."""
        found = {task: {"class": self.classes[task][said.label], "score": round(said.score, 4)}
                 for task, said in prediction.classifications.items()}
        return {"image_labels": found} if found else {}

    @property
    def images(self) -> int:
        """How many are done."""
        return self._images.count

    @property
    def videos(self) -> int:
        """How many are done."""
        return self._videos.count

    def write_results(self, head: Mapping[str, Any]) -> None:
        """results.json and the label files of the data set, each written whole or not at all."""
        if self.saved is not None:
            self.saved.close()
        classes = {task: list(names) for task, names in self.classes.items()}
        results = {**head, "classes": classes, "images": self._images, "videos": self._videos, "unreadable": self._unreadable}
        write_whole(self.root / RESULTS, json_chunks(results), ADVICE)

    def _unique(self, name: Path) -> Path:
        """`name`, or with a number where another input of this run has the same stem: a.jpg and a.png must not meet."""
        stem, number = name.with_suffix(""), 1
        candidate = stem
        while str(candidate) in self._taken:
            number += 1
            candidate = stem.with_name(f"{stem.name}_{number}")
        self._taken.add(str(candidate))
        return candidate.with_name(candidate.name + name.suffix)

    def _write_image(self, target: Path, image: np.ndarray, options: list[int]) -> None:
        self._write(target, cv2.imencode(target.suffix, image, options)[1].tobytes())

    def _write(self, target: Path, data: bytes) -> None:
        write_whole(self.root / target, data, ADVICE)


class VideoOutput:
    """One overlay video that grows frame by frame. It takes its place when it is whole; after an error nothing of it stays.

    OpenCV tells of no failed write. So the room on the disk is looked at before each frame, and the frames are counted at the end.
    """

    def __init__(self, output: Output, path: Path, record: dict[str, Any]) -> None:
        self.output, self.path, self.record = output, path, record
        self._stack = ExitStack()

    @property
    def frames(self) -> int:
        return self.record["frames"].count

    def __enter__(self) -> "VideoOutput":
        """Raises FileFailed if the overlay cannot be written there."""
        size, fps = (self.record["width"], self.record["height"]), self.record["fps"]
        try:
            self._part = self._stack.enter_context(part_file(self.path))
        except OSError as error:
            raise FileFailed(f"{self.record['file']}: {cannot_write(self.path, error, ADVICE)}") from error
        self._writer = cv2.VideoWriter(str(self._part), cv2.VideoWriter_fourcc(*"mp4v"), fps, size)
        self._stack.callback(self._writer.release)
        if not self._writer.isOpened():
            self._stack.close()
            raise FileFailed(f"{self.record['file']}: this OpenCV cannot write an MPEG-4 video of {size[0]}x{size[1]} pixels and "
                             f"{fps:g} frames a second; convert the video, or install opencv-python")
        return self

    def add_frame(self, frame: np.ndarray, seconds: float, prediction: Prediction, window: Xyxy | None) -> None:
        """Draw and append one frame, (H, W, 3) uint8 BGR, of a time from the first one. Raises FileFailed when the disk is full."""
        if shutil.disk_usage(self.path.parent).free < SPARE_BYTES:
            raise self._failed("no space left on device")
        prediction = self.output.min_score.kept(prediction, self.output.classes)
        self._writer.write(draw_prediction(frame, prediction, self.output.classes, min_score=0.0, window=window))
        self.record["frames"].add({"frame": self.frames, "seconds": round(seconds, 4), "boxes": self.output.boxes(prediction),
                                   **self.output.image_labels(prediction)})

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        with self._stack:
            self._writer.release()
            if kind is None or kind is KeyboardInterrupt:  # what was done stays
                self._take_place()

    def _take_place(self) -> None:
        found = count_frames(self._part)
        if found != self.frames:
            raise self._failed(f"{found} of {self.frames} frames have arrived")
        try:
            os.replace(self._part, self.path)
        except OSError as error:
            raise self._failed(error.strerror) from error
        self.output.add_video(self.record)

    def _failed(self, reason: str) -> FileFailed:
        return FileFailed(f"{self.record['file']}: its overlay {self.path} cannot be written ({reason}); free space or {ADVICE}")
