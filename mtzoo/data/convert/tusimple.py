"""TuSimple lanes: label_data_*.json, one JSON object a line with raw_file, lanes and h_samples, as the challenge describes.

A lane is a list of x, one for each row of h_samples, -2 where there is none. Nothing tells solid from dashed.
"""

import json
from pathlib import Path

import numpy as np

from mtzoo.data.convert.classes import PAINT
from mtzoo.data.convert.drawing import draw_polyline, lane_width
from mtzoo.data.convert.layout import ALL, existing, inside, member, numbers, read_lines
from mtzoo.data.convert.records import Entry, Format, LabelledImage, SourceSet, Vocabulary, published
from mtzoo.data.images import upright_hw
from mtzoo.errors import UserError, shown

LAYOUT = "label_data_*.json (or test_label.json) and the clips/ it names"
LANES = ("background", PAINT)


def open_tusimple(src: Path) -> SourceSet:
    """Every row of every list; they are one set. Raises UserError for a row that is no label."""
    lists = sorted({*src.glob("label_data_*.json"), *src.glob("test_label.json")})
    if not lists:
        raise UserError(f"{src}: no label_data_*.json; --data must contain {LAYOUT}")
    entries: dict[str, Entry] = {}
    for path in lists:
        for where, line in read_lines(path):
            try:
                row = json.loads(line)
            except (ValueError, RecursionError) as error:
                raise UserError(f"{where}: not JSON ({error}); a row is one JSON object") from None
            name = member(row, "raw_file", str, where)
            image = inside(src, name, where)
            lanes, heights = member(row, "lanes", list, where), member(row, "h_samples", list, where)
            if name in entries:
                raise UserError(f"{where}: a second row for {shown(name)}; drop one")
            entries[name] = Entry.of(_read, image, image.relative_to(src).as_posix(), lanes, numbers(heights, where), where)
    masks = {"lane": {name: name for name in LANES}}
    return SourceSet({ALL: [entry for _, entry in sorted(entries.items())]}, Vocabulary(masks=masks))


def _read(image: Path, name: str, lanes: list[object], heights: list[float], where: str) -> LabelledImage:
    hw = upright_hw(existing(image, where))
    mask = np.zeros(hw, np.uint8)
    for k, lane in enumerate(lanes):
        if not isinstance(lane, list) or len(lane) != len(heights):
            count = len(lane) if isinstance(lane, list) else 0
            raise UserError(f"{where}: lanes[{k}] has {count} values, h_samples {len(heights)}; fix the row")
        line = [(x, y) for x, y in zip(numbers(lane, where), heights) if x >= 0]
        draw_polyline(mask, line, LANES.index(PAINT), lane_width(hw[0]))
    return LabelledImage(image, name, hw, masks={"lane": mask})


FORMAT = Format("tusimple", "TuSimple lanes", LAYOUT, published(open_tusimple))
