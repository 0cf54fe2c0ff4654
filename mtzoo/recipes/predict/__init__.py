"""A deploy model, or a pair, on image files, folders and videos: overlays, label maps, results.json, labels as a data set."""

from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from mtzoo.errors import UserError
from mtzoo.recipes.predict.min_score import DEFAULT, MinScore

if TYPE_CHECKING:  # imported when the recipe runs: --help should not wait for OpenVINO
    from mtzoo.console import PlainConsole
    from mtzoo.recipes.predict.output import Output
    from mtzoo.runtime.model import DeployModel
    from mtzoo.runtime.pair import ModelPair

DATASET = "dataset"
Files = list[tuple[Path, Path]]
"""Images and videos, each with its name below the folder of answers."""
Roles = Mapping[str, str | Path]
"""{"model": ...}, or {"resize": ..., "crop": ...} of a pair; files or names of zoo models."""


@dataclass(frozen=True)
class Predicted:
    """out: the folder of answers; files, unreadable: how many there were, and how many of them could not be read; labels: the data set
    of the answers to `labelled` images, None if none was asked for; table: its CSV file of classes of whole images, None without any;
    videos: whose frames are not in it."""

    out: Path
    files: int
    unreadable: int
    classes: int
    labels: Path | None
    table: Path | None
    labelled: int
    videos: int


def predict_paths(models: Roles, inputs: list[Path], out: Path, *, window: Path | None = None,
                  executor: Literal["openvino", "onnxruntime"] = "openvino", threads: int | None = None,
                  min_score: MinScore | None = None, save_labels: str | None = None,
                  console: "PlainConsole | None" = None) -> Predicted:
    """Predict images and videos and leave the answers in `out`: overlays/ in original size, labels/TASK/ with label maps, results.json.

    inputs: files, or folders that are searched; window: a JSON file that says where a crop model's window stands; threads: of the CPU,
    None for what the executor takes; min_score: default 0.3;
    save_labels: a form of labels, in which the answers to images are a data set, too; console: for
    notes, default stderr. A file that cannot be read is told and left out. Raises UserError for a path that does not
    exist, and where a results.json of something else, or labels of an earlier run, would be overwritten.
    """
    from mtzoo.console import PlainConsole
    from mtzoo.data.saved_labels import SavedLabels
    from mtzoo.locate import find_model
    from mtzoo.progress import shown_if
    from mtzoo.recipes.output_folder import claim_folder
    from mtzoo.recipes.predict.output import Output, check_earlier

    console = console or PlainConsole(stderr=True)
    files, left_out = list_inputs(inputs, out)
    _lock = claim_folder(out, "--out", may_hold=None)
    check_earlier(out, out / DATASET if save_labels else None)
    for line in left_out:
        console.print(f"note: {line}")
    paths = {role: find_model(name) for role, name in models.items()}
    model = load_models(paths, window, executor, threads)
    saved = SavedLabels(out / DATASET, save_labels, model.classes) if save_labels else None
    if min_score is not None and not model.box_classes:
        console.print(f"--min-score: changes nothing; {' and '.join(path.name for path in paths.values())} finds no boxes")
        min_score = None
    min_score = min_score or MinScore(DEFAULT)
    min_score.check(model.box_classes)
    output = Output(out, model.classes, min_score, saved)
    head = {**{role: path.name for role, path in paths.items()}, "executor": executor, "min_score": min_score.plain()}
    with shown_if(not console.quiet):
        unreadable = predict_all(model, files, output, head)
    labels, table = (None, None) if saved is None else (saved.root, saved.table)
    return Predicted(out, len(files), unreadable, len(model.classes), labels, table, output.images, output.videos)


def load_models(paths: dict[str, Path], window: Path | None, executor: str, threads: int | None) -> "DeployModel | ModelPair":
    """One model, or two as a pair; a crop model's window where the file `window` says."""
    from mtzoo.recipes.window_file import read_window
    from mtzoo.runtime.model import DeployModel
    from mtzoo.runtime.pair import ModelPair

    place = read_window(window) if window else None
    if "model" in paths:
        model = DeployModel.load(paths["model"], executor=executor, threads=threads)
        return model.at(place) if place else model
    return ModelPair.load(paths["resize"], paths["crop"], executor, threads, window=place)


def list_inputs(inputs: list[Path], out: Path) -> tuple[Files, list[str]]:
    """([(file, its name below `out`) of every image and video], notes); folders are searched, an `out` inside of one is left out.

    Raises UserError for a path that does not exist, a file of another kind, a folder without images or videos, and one that is `out`.
    """
    from mtzoo.data.images import IMAGE_SUFFIXES
    from mtzoo.data.input_files import check_file, find_files, is_folder
    from mtzoo.data.video import VIDEO_SUFFIXES

    suffixes = (*IMAGE_SUFFIXES, *VIDEO_SUFFIXES)
    files: Files = []
    notes: list[str] = []
    for item in inputs:
        if not is_folder(item):
            check_file(item, suffixes)
            files.append((item, Path(item.name)))
            continue
        if item.resolve() == out.resolve():
            raise UserError(f"--out {out}: is the folder of the images; choose another one, e.g. {out / 'seen'}")
        found, left_out = find_files(item, suffixes, out if out.resolve().is_relative_to(item.resolve()) else None)
        if not found:
            raise UserError(f"{left_out or item}: no image or video in it ({' '.join(suffixes)}); name another folder")
        files += [(path, path.relative_to(item)) for path in found]
        notes += [left_out] * bool(left_out)
    return files, notes


def predict_all(model: "DeployModel | ModelPair", files: Files, output: "Output", head: Mapping[str, object]) -> int:
    """`predict_files`, and results.json with `head` first."""
    try:
        return predict_files(model, files, output)
    finally:  # what was done stays, also after ctrl-c or a full disk
        output.write_results(head)


def predict_files(model: "DeployModel | ModelPair", files: Files, output: "Output") -> int:
    """Predict every file; a file that cannot be read is told on stderr and recorded. Returns how many those were."""
    from mtzoo.data.input_files import FileFailed
    from mtzoo.data.video import VIDEO_SUFFIXES
    from mtzoo.progress import counted, show_progress

    unreadable = 0
    with show_progress("predicting", transient=True) as on_progress:
        for path, name in counted(files, on_progress):
            try:
                if path.suffix.lower() in VIDEO_SUFFIXES:
                    predict_video(model, path, name, output, on_progress.note)
                else:
                    predict_image(model, path, name, output)
            except FileFailed as error:
                unreadable += 1
                on_progress.note(f"error: {error}")
                output.add_unreadable(path, str(error))
    return unreadable


def predict_image(model: "DeployModel | ModelPair", path: Path, name: Path, output: "Output") -> None:
    from mtzoo.data.images import read_image
    from mtzoo.data.input_files import FileFailed

    try:
        image = read_image(path)
    except UserError as error:
        raise FileFailed(str(error)) from error
    output.add_image(path, name, image, model.predict(image), model.window(image.shape[:2]))


def predict_video(model: "DeployModel | ModelPair", path: Path, name: Path, output: "Output", note: Callable[[str], None]) -> None:
    from mtzoo.data.input_files import FileFailed
    from mtzoo.data.video import open_video

    try:
        video = open_video(path)
    except UserError as error:
        raise FileFailed(str(error)) from error
    with closing(video):
        with output.open_video(path, name, video.hw, video.fps) as overlay:
            for frame, seconds in video.frames():
                overlay.add_frame(frame, seconds, model.predict(frame), model.window(frame.shape[:2]))
        for line in video.notes:
            note(f"note: {path}: {line}")
