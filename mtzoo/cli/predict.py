"""Run a deploy model, or a resize and a crop model as a pair, on images, folders of images and videos.

  mtzoo predict MODEL photo.jpg drive/ clip.mp4 --out seen
  mtzoo predict --resize MODEL --crop MODEL drive/ --out seen

--out gets overlays/ in original size (a video for a video), labels/TASK/ with label maps of images as PNG of class ids, and
results.json. MODEL is an .onnx file or the name of a zoo model (`mtzoo list`). The predictions of a pair are merged by the rules in
the crop model's config; --window places its window for your camera (docs/deploy.md).
Unreadable files are named and skipped; the exit code is then 2.
"""

import argparse
import shlex
from pathlib import Path

from mtzoo.cli.min_score import DEFAULT, parse_min_score
from mtzoo.cli.numbers import processes
from mtzoo.cli.outputs import output_folder
from mtzoo.errors import UserError
from mtzoo.recipes.predict import DATASET, predict_paths

HELP = "run a deploy model on images or video: overlays, label maps, results.json"
FAULTY = 2
FORMS = ("coco", "yolo", "voc", "cvat", "labelme", "masks", "csv")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("paths", nargs="*", metavar="[MODEL] IMAGES|VIDEO",
                        help="the model, unless an option names it, then image or video files, or folders of them")
    parser.add_argument("--model", metavar="MODEL", help="an .onnx deploy model, or a zoo model's name")
    parser.add_argument("--images", nargs="+", action="extend", default=[], metavar="IMAGES",
                        help="image or video files, or folders of them; with the name or without")
    parser.add_argument("--resize", metavar="MODEL", help="of a pair: the model of the whole image")
    parser.add_argument("--crop", metavar="MODEL", help="of a pair: the model of a window at full resolution")
    parser.add_argument("--window", type=Path, metavar="FILE", help="the position of a crop model's window: JSON with "
                                                                    "'vanishing_point' and 'original_hw', or 'camera'")
    parser.add_argument("--out", type=output_folder("--out"), required=True, metavar="DIR", help="folder for the results")
    parser.add_argument("--executor", choices=("openvino", "onnxruntime"), default="openvino",
                        help="the runtime (openvino)")
    parser.add_argument("--threads", type=processes("--threads"), help="CPU threads; default: the runtime's")
    parser.add_argument("--min-score", type=parse_min_score, metavar="0..1[,CLASS=0..1]",
                        help=f"leave out boxes with lower scores ({DEFAULT:g}), e.g. 0.3 or 0.3,person=0.5")
    parser.add_argument("--save-labels", choices=FORMS, metavar="FORMAT",
                        help=f"also write the predictions as a data set to OUT/{DATASET}, for labelling tools and `mtzoo data "
                             f"convert`: {', '.join(FORMS)}")


def run(args: argparse.Namespace) -> int:
    from mtzoo.console import note, numbered, say

    models, inputs = split_paths(args)
    done = predict_paths(models, inputs, args.out, window=args.window, executor=args.executor, threads=args.threads,
                         min_score=args.min_score, save_labels=args.save_labels)
    say(f"{done.files - done.unreadable} of {numbered(done.files, 'file')} done: {done.out}")
    if done.labels is not None:
        say(f"labels of {numbered(done.labelled, 'image')}: {done.labels}; correct them, then: mtzoo data convert --data "
            f"{shlex.quote(str(done.labels))}{labels_option(done.labels)} --out DIR")
        if done.table is not None and args.save_labels != "csv":
            say(f"classes of the images: {done.table}, which `mtzoo data convert` reads, too; {args.save_labels} has no place for them")
        if done.videos:
            note(f"note: --save-labels: the frames of {numbered(done.videos, 'video')} are no images, and not among them")
    return FAULTY if done.unreadable else 0


def labels_option(dataset: Path) -> str:
    """What `mtzoo data convert` has to be told where several tasks have a folder of masks: one of them."""
    first, *others = [*sorted(path.name for path in dataset.glob("masks*") if path.is_dir()), ""]
    return f" --labels {shlex.quote(first)}" if len(others) > 1 else ""


def split_paths(args: argparse.Namespace) -> tuple[dict[str, str], list[Path]]:
    """({"model": name} or {"resize": name, "crop": name}, inputs). Raises UserError for half a pair or nothing to look at."""
    if (args.resize is None) != (args.crop is None):
        raise UserError("--resize and --crop go together; name both models, or one model before the images")
    if args.resize and args.model:
        raise UserError("--model has no effect with --resize and --crop; leave it out")
    words = list(args.paths)
    if args.resize:
        models = {"resize": args.resize, "crop": args.crop}
    elif args.model or words:
        models = {"model": args.model or words.pop(0)}
    else:
        raise UserError("no model and no image; e.g. mtzoo predict dashcam_resize_mobilenetv2 photos/ --out seen")
    inputs = [Path(text) for text in (*words, *args.images)]
    if not inputs:
        raise UserError(f"no image to run {' and '.join(models.values())} on; name image or video files, or folders of them")
    return models, inputs
