"""Run a deploy model, or a resize and a crop model as a pair, on images, folders of images and videos.

  mtzoo predict MODEL photo.jpg drive/ clip.mp4 --out seen
  mtzoo predict --resize MODEL --crop MODEL drive/ --out seen

Under --out: overlays/ in original size (a video gives a video), labels/TASK/ with label maps as PNG of class ids (of images),
and results.json. MODEL is an .onnx file or the name of a zoo model (`mtzoo list`). A pair's answers are merged by the rules
in the crop model's config; --window places its window by your camera (docs/deploy.md).
Unreadable files are named and left out; the exit code is then 2.
"""

import argparse
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from mtzoo.cli.min_score import DEFAULT, MinScore, parse_min_score
from mtzoo.cli.outputs import output_folder
from mtzoo.errors import UserError

if TYPE_CHECKING:  # imported when the verb runs: --help should not wait for OpenVINO
    from mtzoo.cli.predict_output import Output
    from mtzoo.runtime import DeployModel, ModelPair

HELP = "run a deploy model on images or video: overlays, label maps, results.json"
FAULTY = 2
DATASET = "dataset"
FORMS = ("coco", "yolo", "voc", "cvat", "labelme", "masks")
Files = list[tuple[Path, Path]]
"""Images and videos, each with its name below the folder of answers."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("paths", nargs="+", metavar="[MODEL] IMAGES|VIDEO",
                        help="an .onnx deploy model or a zoo model's name (not with --resize and --crop), then image or video "
                             "files, or folders of them")
    parser.add_argument("--resize", metavar="MODEL", help="of a pair: the model of the whole image")
    parser.add_argument("--crop", metavar="MODEL", help="of a pair: the model of a window at full resolution")
    parser.add_argument("--window", type=Path, metavar="FILE", help="where a crop model's window stands: JSON with "
                                                                    "'vanishing_point' and 'original_hw', or 'camera'")
    parser.add_argument("--out", type=output_folder("--out"), required=True, metavar="DIR", help="where the answers go")
    parser.add_argument("--executor", choices=("openvino", "onnxruntime"), default="openvino",
                        help="what runs the model (openvino)")
    parser.add_argument("--threads", type=_positive, help="CPU threads; by default what the executor takes")
    parser.add_argument("--min-score", type=parse_min_score, default=MinScore(DEFAULT), metavar="0..1[,CLASS=0..1]",
                        help=f"weaker boxes are left out ({DEFAULT:g}), e.g. 0.3 or 0.3,person=0.5")
    parser.add_argument("--save-labels", choices=FORMS, metavar="FORMAT",
                        help=f"write the answers to images as a data set, too, in OUT/{DATASET}, for labelling tools and `mtzoo data "
                             f"convert`: {', '.join(FORMS)}")


def run(args: argparse.Namespace) -> int:
    from mtzoo.cli.predict_output import Output
    from mtzoo.console import note, numbered, say
    from mtzoo.data.saved_labels import SavedLabels
    from mtzoo.locate import find_model
    from mtzoo.recipes.save_dir import claim_folder

    models, inputs = split_paths(args)
    files, left_out = list_inputs(inputs, args.out)
    _lock = claim_folder(args.out, "--out", may_hold=None)
    for line in left_out:
        note(f"note: {line}")
    paths = {role: find_model(name) for role, name in models.items()}
    model = load_models(paths, args.window, args.executor, args.threads)
    saved = SavedLabels(args.out / DATASET, args.save_labels, model.classes) if args.save_labels else None
    output = Output(args.out, model.classes, args.min_score, saved)
    unreadable = predict_all(model, files, output, {**{role: path.name for role, path in paths.items()}, "executor": args.executor,
                                                    "min_score": args.min_score.plain()})
    say(f"{len(files) - unreadable} of {len(files)} files done: {args.out}")
    if saved is not None:
        say(f"labels of {numbered(output.images, 'image')}: {saved.root}; correct them, then: mtzoo data convert --src {saved.root} "
            "--out DIR")
        if output.videos:
            note(f"note: --save-labels: the frames of {numbered(output.videos, 'video')} are no images, and not among them")
    return FAULTY if unreadable else 0


def split_paths(args: argparse.Namespace) -> tuple[dict[str, str], list[Path]]:
    """({"model": name} or {"resize": name, "crop": name}, inputs). Raises UserError for half a pair or nothing to look at."""
    if (args.resize is None) != (args.crop is None):
        raise UserError("--resize and --crop go together; name both models, or one model before the images")
    models = {"resize": args.resize, "crop": args.crop} if args.resize else {"model": args.paths[0]}
    inputs = args.paths if args.resize else args.paths[1:]
    if not inputs:
        raise UserError(f"no image to run {args.paths[0]} on; name image or video files, or folders of them, after the model")
    return models, [Path(text) for text in inputs]


def load_models(paths: dict[str, Path], window: Path | None, executor: str, threads: int | None) -> "DeployModel | ModelPair":
    """One model, or two as a pair; a crop model's window where the file `window` says."""
    from mtzoo.recipes.models import load_pair, read_window
    from mtzoo.runtime import DeployModel

    place = read_window(window) if window else None
    if "model" in paths:
        model = DeployModel.load(paths["model"], executor=executor, threads=threads)
        return model.at(place) if place else model
    return load_pair(paths["resize"], paths["crop"], place, executor, threads)


def list_inputs(inputs: list[Path], out: Path) -> tuple[Files, list[str]]:
    """([(file, its name below `out`) of every image and video], notes); folders are searched, `out` itself is left out.

    Raises UserError for a path that does not exist, a file of another kind, or a folder without images or videos.
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
        found, left_out = find_files(item, suffixes, out)
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


def _positive(text: str) -> int:
    if not text.isdigit() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"'{text}' is no positive whole number")
    return int(text)

