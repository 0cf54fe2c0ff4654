"""What can happen to plain values (JSON, configs, checkpoints) and to bytes."""

import copy
import json
from typing import Any

import numpy as np


def nested(depth: int) -> list:
    value: list = []
    for _ in range(depth):
        value = [value]
    return value


VALUES = (float("nan"), float("inf"), -float("inf"), -1, 0, 1, 2, 3, 10, 2.5, 1e308, 1e-320, -0.0, 2**31, 2**63, 10**18, 10**400, "1",
          "12", "", "x", "car", "a.png", "A.PNG", "../a.png", "/a.png", "..\\a.png", "C:\\a.png", "sub\\a.png", ".\\a.png", "link.png",
          "a\nb.png", "a\0.png", "\ud800", "\x1b[2J", "\u202e", "[/b]", "x" * 3000, "é", None, True, False, [], {}, [1, 2, 3, 4],
          ["1", "2", "3", "4"], [1, 1, 2, True], [[]], {"id": 1}, {"filename": "x"}, nested(50), nested(300))
"""Of a wrong type, not finite, huge, negative, deep, long, or with what a path, a terminal or a markup language obeys."""


def mutated(content: Any, rng: np.random.Generator, most: int = 4) -> Any:
    """A copy after one to `most` changes."""
    content = copy.deepcopy(content)
    for _ in range(int(rng.integers(1, most + 1))):
        content = change(content, rng)
    return content


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


def as_json(content: Any, rng: np.random.Generator) -> bytes:
    """JSON, with letters beyond ASCII as they are or escaped."""
    return json.dumps(content, ensure_ascii=bool(rng.random() < 0.5)).encode("utf-8", "surrogatepass")


def damaged_text(data: bytes, rng: np.random.Generator) -> bytes:
    """Torn, flipped, in another encoding, nested without end, with numbers without end."""
    at = int(rng.integers(len(data) + 1))
    text = data.decode("utf-8", "replace")
    deep = int(rng.integers(900, 1050))  # about what a JSON parser can bear, and then those who look at what it gives
    nest = b"[" * deep + b"]" * deep
    ways = (lambda: data[:at], lambda: b"\xef\xbb\xbf" + data, lambda: text.encode("utf-16"), lambda: text.encode("utf-32-le"),
            lambda: text.encode("latin-1", "replace") + b"\xe9", lambda: data[:at] + rng.bytes(4) + data[at:],
            lambda: data[:at] + b"[" * 200_000 + data[at:], lambda: data[:at] + b'{"a":' * 200_000,
            lambda: data.replace(b"20.0", nest), lambda: data.replace(b'"bbox": ', b'"bbox": [' + nest + b', 1, 1, 1], "x": '),
            lambda: data.replace(b'"image_id": ', b'"image_id": ' + nest + b', "x": '), lambda: data[:at] + b"9" * 5000 + data[at:],
            lambda: data[:at] + b"1e999" + data[at:], lambda: data[:at] + b"nan" + data[at:], lambda: data[:at] + b"-" + data[at:],
            lambda: data + data, lambda: b"", lambda: b" " * 2_000_000 + data, lambda: data.replace(b" ", b"\t"),
            lambda: data.replace(b" ", b"  ", 1), lambda: data.replace(b"\n", b"\r\n"), lambda: data.replace(b"0", b"", 1),
            lambda: data[:at] + b"\0" + data[at:], lambda: bytes(b ^ 0x20 if rng.random() < 0.01 else b for b in data))
    return ways[int(rng.integers(len(ways)))]()


def damaged_bytes(data: bytes, rng: np.random.Generator) -> bytes:
    """One to three of: bytes flipped, cut off, zeroed, a part repeated, noise inserted."""
    for _ in range(int(rng.integers(1, 4))):
        first, last = sorted(int(v) for v in rng.integers(0, len(data) + 1, 2))
        near = first + int(rng.integers(1, 400))
        flipped = bytearray(data)
        for at in rng.integers(0, max(len(data), 1), int(rng.integers(1, 30))):
            flipped[at:at + 1] = rng.bytes(1)
        ways = (bytes(flipped), bytes(flipped), data[:last], data[:first] + bytes(near - first) + data[near:],
                data[:near] + data[first:near] + data[near:], data[:first] + rng.bytes(near - first) + data[first:])
        data = ways[int(rng.integers(len(ways)))] or b"\0"
    return data
