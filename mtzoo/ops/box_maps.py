"""The raw maps of a detection task: their names and the range of their values."""

import re
from collections.abc import Iterable

CLS_EXPONENT, BOX_EXPONENT = -4, -5
"""Of the scales of 8-bit maps: logits in steps of 1/16 within -8 ... 8, raw distances in steps of 1/32 within -4 ... 4. Their ranges
are not observed: most places show background, whose logits and distances mean nothing, and the few objects would be clipped."""
RAW_LIMIT = 6.0  # raw distances are clamped to +-RAW_LIMIT before exp: at most stride * 403 pixels


def box_strides(outputs: Iterable[str]) -> list[int]:
    """The strides of one detection task, ascending, from its output names: cls_s8, box_s8 -> [8].

    Raises ValueError if a level has no cls or no box output.
    """
    found = {"cls": set(), "box": set()}
    for name in outputs:
        match = re.fullmatch(r"(cls|box)_s(\d+)", name)
        if match:
            found[match[1]].add(int(match[2]))
    if not found["box"] or found["cls"] != found["box"]:
        raise ValueError(f"outputs {list(outputs)}: a detection task needs cls_sX and box_sX for each stride X")
    return sorted(found["box"])
