"""CULane: *.lines.txt beside each image, a lane "x y x y ..." a row, split by list/train.txt and list/val.txt.

Nothing tells solid from dashed. The lists come in two forms, with the image's path alone or with mask and flags after it.
"""

from pathlib import Path

import numpy as np

from mtzoo.data.convert.classes import PAINT
from mtzoo.data.convert.drawing import draw_polyline, lane_width
from mtzoo.data.convert.layout import existing, inside, numbers, read_lines
from mtzoo.data.convert.records import Entry, Format, LabelledImage, SourceSet, Vocabulary, published
from mtzoo.data.images import upright_hw
from mtzoo.errors import UserError

LAYOUT = "list/train.txt (or train_gt.txt), list/val.txt and the driver_*/ folders they name"
LANES = ("background", PAINT)


def open_culane(src: Path) -> SourceSet:
    """Raises UserError for a missing list."""
    splits = {split: _entries(src, split) for split in ("train", "val")}
    return SourceSet(splits, Vocabulary(masks={"lane": {name: name for name in LANES}}))


def _entries(src: Path, split: str) -> list[Entry]:
    listed = next((p for p in (src / "list" / f"{split}.txt", src / "list" / f"{split}_gt.txt") if p.is_file()), None)
    if listed is None:
        raise UserError(f"{src / 'list' / f'{split}.txt'}: no such list; --data must contain {LAYOUT}")
    entries: list[Entry] = []
    for where, line in read_lines(listed):
        image = inside(src, line.split()[0].lstrip("/"), where)  # the published lists begin with a slash
        entries.append(Entry.of(_read, image, image.relative_to(src).as_posix(), where))
    return entries


def _read(image: Path, name: str, listed: str) -> LabelledImage:
    """listed: file and line that name the image."""
    hw = upright_hw(existing(image, listed))
    mask = np.zeros(hw, np.uint8)
    for where, row in read_lines(existing(image.with_suffix(".lines.txt"), listed)):
        values = numbers(row.split(), where)
        if len(values) % 2:
            raise UserError(f"{where}: {len(values)} numbers; a lane is pairs of x and y, fix the row")
        draw_polyline(mask, list(zip(values[::2], values[1::2])), LANES.index(PAINT), lane_width(hw[0]))
    return LabelledImage(image, name, hw, masks={"lane": mask})


FORMAT = Format("culane", "CULane", LAYOUT, published(open_culane))
