"""What `mtzoo data convert` tells of a converted data set: tables, notes, and what to type next."""

import shlex
from pathlib import Path

from rich.table import Table

from mtzoo.cli.data_tables import ObjectRow, ShareRow, object_table, share_table, whys
from mtzoo.console import numbered
from mtzoo.data.convert import Summary
from mtzoo.data.convert.classes import TASK_NAMES
from mtzoo.data.sources import IGNORE_CATEGORY
from mtzoo.data.synthetic.labels import CATEGORIES
from mtzoo.errors import listed

CONFIG = "converted/multitask"


def tables(summary: Summary) -> list[Table]:
    """What was written, class by class."""
    found = []
    if summary.searched:
        shown = [name for name in summary.categories if summary.classes == "own" or name in CATEGORIES or summary.objects[name]
                 or summary.ignored[name]]  # of COCO's 80 most are no task's, and do not occur in a small set
        names = [*shown, *summary.dropped_categories()]
        found.append(object_table("objects", [
            ObjectRow("boxes", name or "(images)", summary.searched - summary.unknown[name] if name in summary.categories else 0,
                      summary.objects[name], summary.ignored[name], summary.whys("dropped", name)) for name in names]))
    rows = [ShareRow(kind, name, int(summary.pixels[kind].showing[k]), summary.pixels[kind].share(k))
            for kind, classes in summary.mask_classes.items() for k, name in enumerate(classes)]
    found += [share_table("masks", rows)] if rows else []
    return [*found, *([share_table("labels of images", _image_rows(summary))] if summary.image_labels else [])]


def _image_rows(summary: Summary) -> list[ShareRow]:
    rows = []
    for task, classes in summary.image_classes.items():
        counts = summary.image_labels[task]
        of_class = {name: sum(counts[name, split] for split in summary.images) for name in classes}
        rows += [ShareRow(task, name, count, count / counts.total()) for name, count in of_class.items()]
    return rows


def notes(summary: Summary, out: Path) -> list[str]:
    """What a user should know before training on it."""
    found = list(summary.notes)
    absent = [name for name in summary.categories if not summary.objects[name] and name != IGNORE_CATEGORY]
    found += [f"not one object of '{name}': all {summary.ignored[name]} are ignore regions" for name in absent if summary.ignored[name]]
    if names := [name for name in absent if not summary.ignored[name]]:
        found.append(f"not one object of {listed(names)}")
    if summary.empty:
        found.append(f"{numbered(summary.empty, 'image')} without any object: background")
    for kind, classes in summary.mask_classes.items():
        names = [name for k, name in enumerate(classes) if not summary.pixels[kind].counts[k]]
        found += [f"{kind}: not one pixel of {listed(names)}"] if names else []
        if len(shown := [name for name in classes if name not in names]) == 1:
            found.append(f"{kind}: {shown[0]} is all that is labelled, and the rest is unknown, not background: these masks alone "
                         f"teach a network {shown[0]} everywhere; {_without_background(summary.classes)}")
    for task, classes in summary.image_classes.items():
        for split in summary.images:
            names = [name for name in classes if not summary.image_labels[task][name, split]]
            found += [f"{task}: {split} has no image of {listed(names)}"] if names else []
    if summary.unlabelled:
        found.append(f"{numbered(summary.unlabelled, 'image')} without a label: unknown, and left out")
    if summary.foreign:
        found.append(f"{numbered(summary.foreign, 'image')} with nothing that a task asks for: left out (--classes own keeps them)")
    for result in ("background", "dropped", "ignored", "mended"):
        found += [f"{result}: {whys(counts)}; first: {summary.firsts[result]}"] if (counts := summary.whys(result)) else []
    if summary.lines:
        found.append(f"all of these are listed in {out / 'convert.json'}")
    if own := foreign_classes(summary):
        found.append(own)
    return found


def _without_background(classes: str) -> str:
    """What to do about masks of a single class."""
    if classes == "own":
        return "label a second class, e.g. background"
    return "train on them beside masks of other classes, or keep their background with --classes own"


def foreign_classes(summary: Summary) -> str:
    """The categories that are no class of the six tasks, with counts and what to type; empty for none."""
    names = [name for name in summary.categories if name not in (*TASK_NAMES, IGNORE_CATEGORY) and summary.objects[name]]
    if summary.classes == "own" or not names:
        return ""
    counted = ", ".join(f"{name} ({numbered(summary.objects[name], 'object')})" for name in names)
    renames = " ".join(shlex.quote(f"{name}=CLASS") for name in names)
    return (f"no class of the six tasks, and background for these: {counted}; if one of them is, say so: --rename {renames} (CLASS: "
            f"{', '.join(TASK_NAMES)}), or --ignore {' '.join(map(shlex.quote, names))}; "
            "--classes own keeps all names, and outlines as masks")


def next_commands(summary: Summary, out: Path) -> list[str]:
    """How to check and to train, for the tasks it has labels for."""
    if not summary.tasks:
        return [f"train on it: mtzoo train --data {shlex.quote(str(out))}"]
    chosen = f"--tasks {','.join(summary.tasks)} --cfg-options {shlex.quote(f'data_root={out}')}"
    return [f"check it:    mtzoo data check {CONFIG} {chosen}", f"train on it: mtzoo quant-train --config {CONFIG} {chosen}"]
