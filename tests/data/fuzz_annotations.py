"""COCO files and what can happen to them: wrong values and types at every level, broken text, odd encodings."""

import copy
import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np

HW = (12, 16)


def nested(depth: int) -> list:
    value: list = []
    for _ in range(depth):
        value = [value]
    return value


VALUES = (float("nan"), float("inf"), -float("inf"), -1, 0, 1, 2, 3, 10, 2.5, 1e308, 1e-320, -0.0, 2**31, 2**63, 10**18, 10**400, "1",
          "12", "", "x", "car", "a.png", "A.PNG", "../a.png", "/a.png", "..\\a.png", "C:\\a.png", "sub\\a.png", ".\\a.png", "link.png",
          "a\nb.png", "a\0.png", "\ud800", "\x1b[2J", "x" * 3000, "é", None, True, False, [], {}, [1, 2, 3, 4], ["1", "2", "3", "4"],
          [1, 1, 2, True], [[]], {"id": 1}, nested(50), nested(300))


def base_annotations(folder: Path) -> dict[str, Any]:
    """Three images with masks in `folder`, a link out of it, and the content of their good annotation file."""
    for name in ("images", "masks"):
        (folder / name).mkdir()
    for stem in "abc":
        cv2.imwrite(str(folder / "images" / f"{stem}.png"), np.zeros((*HW, 3), np.uint8))
        cv2.imwrite(str(folder / "masks" / f"{stem}.png"), np.zeros(HW, np.uint8))
    (folder / "images" / "link.png").symlink_to(folder / "masks" / "a.png")
    return {
        "info": {"description": "x", "year": 2020},
        "images": [{"id": i, "file_name": f"{s}.png", "width": HW[1], "height": HW[0], "license": 1} for i, s in enumerate("abc")],
        "categories": [{"id": 1, "name": "car"}, {"id": 2, "name": "person"}],
        "annotations": [{"id": 10 + i, "image_id": i, "category_id": 1 + i % 2, "bbox": [1 + i, 2, 5, 4.5], "iscrowd": i % 2,
                         "area": 20.0, "segmentation": [[1, 2, 3, 4, 5, 6]]} for i in range(3)],
    }


def mutated_annotations(base: dict[str, Any], rng: np.random.Generator) -> bytes:
    """The file's bytes after one to four changes of values, and in four of ten cases damage to the text."""
    content: Any = copy.deepcopy(base)
    for _ in range(int(rng.integers(1, 5))):
        content = change(content, rng)
    data = json.dumps(content, ensure_ascii=bool(rng.random() < 0.5)).encode("utf-8", "surrogatepass")
    return damage(data, rng) if rng.random() < 0.4 else data


def change(content: Any, rng: np.random.Generator) -> Any:
    """Walk down to a random place, then replace, remove, double or rename what is there."""
    root = {"content": content}
    holder, key = root, "content"
    while isinstance(holder[key], (dict, list)) and holder[key] and rng.random() < 0.85:
        holder = holder[key]
        keys = list(holder) if isinstance(holder, dict) else range(len(holder))
        key = keys[int(rng.integers(len(keys)))]
    action = int(rng.integers(6))
    if action == 0 and holder is not root:
        del holder[key]
    elif action == 1 and isinstance(holder, list):
        holder.append(copy.deepcopy(holder[key]))
    elif action == 2 and isinstance(holder, dict) and holder is not root:
        holder[f"{key}\n"] = holder.pop(key)
    else:
        holder[key] = copy.deepcopy(VALUES[int(rng.integers(len(VALUES)))])
    return root["content"]


def damage(data: bytes, rng: np.random.Generator) -> bytes:
    """Broken text: torn, flipped, in another encoding, nested without end, with numbers without end."""
    at = int(rng.integers(len(data) + 1))
    text = data.decode("utf-8", "replace")
    deep = int(rng.integers(900, 1050))  # about what the parser can bear, and then those who look at what it gives
    nest = b"[" * deep + b"]" * deep
    ways = (lambda: data[:at], lambda: b"\xef\xbb\xbf" + data, lambda: text.encode("utf-16"), lambda: text.encode("utf-32-le"),
            lambda: text.encode("latin-1", "replace") + b"\xe9", lambda: data[:at] + rng.bytes(4) + data[at:],
            lambda: data[:at] + b"[" * 200_000 + data[at:], lambda: data[:at] + b'{"a":' * 200_000,
            lambda: data.replace(b"20.0", nest), lambda: data.replace(b'"bbox": ', b'"bbox": [' + nest + b', 1, 1, 1], "x": '),
            lambda: data.replace(b'"image_id": ', b'"image_id": ' + nest + b', "x": '), lambda: data[:at] + b"9" * 5000 + data[at:],
            lambda: data[:at] + b"1e999" + data[at:], lambda: data + data, lambda: b"", lambda: b" " * 2_000_000 + data,
            lambda: data[:at] + b"\0" + data[at:], lambda: bytes(b ^ 0x20 if rng.random() < 0.01 else b for b in data))
    return ways[int(rng.integers(len(ways)))]()
