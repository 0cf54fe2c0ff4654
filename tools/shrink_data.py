"""Image sets made small enough to be carried to another machine: JPEGs encoded anew, everything else copied.

    python tools/shrink_data.py --data DATA --out pack --sets camvid human_seg:640 --quality 88

SET:SIDE shrinks the pictures of a set to SIDE pixels on their longer side, too; only for sets whose masks may have another size than
the image (`resize_masks`), and that have no boxes. What is there already is left. Scores on such pictures are near those of the
originals, not the same: report those of the originals.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import cv2
from one_line_errors import one_line_errors

from mtzoo.cli.numbers import at_least
from mtzoo.data.images import read_image
from mtzoo.errors import UserError
from mtzoo.files import write_whole
from mtzoo.ops.geometry import resize

JPEG = (".jpg", ".jpeg")
ADVICE = "choose another --out"


def shrink(path: Path, target: Path, side: int | None, quality: int) -> None:
    """Write one file: a JPEG of at most `side` pixels, turned as it is shown; a copy where that is smaller, and of all other files."""
    if target.is_file():
        return
    data = path.read_bytes()
    if path.suffix.lower() in JPEG:
        image = read_image(path)
        factor = min(1.0, side / max(image.shape[:2])) if side else 1.0
        small = resize(image, (round(factor * image.shape[0]), round(factor * image.shape[1])))
        encoded = cv2.imencode(path.suffix, small, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()
        data = encoded if factor < 1 or len(encoded) < len(data) else data
    write_whole(target, data, ADVICE)


def parse_set(text: str) -> tuple[str, int | None]:
    name, _, side = text.partition(":")
    if side and not (side.isdecimal() and int(side)):
        raise UserError(f"--sets {text}: NAME or NAME:SIDE is wanted, SIDE in pixels")
    return name, int(side) if side else None


@one_line_errors
def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of image sets")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--sets", nargs="+", required=True, metavar="SET[:SIDE]")
    parser.add_argument("--quality", type=at_least(1, "--quality", 100), default=88, help="of JPEG, 1 to 100 (88)")
    args = parser.parse_args(argv)
    for name, side in [parse_set(text) for text in args.sets]:
        files = sorted(path for path in (args.data / name).rglob("*") if path.is_file())
        if not files:
            raise UserError(f"--sets {name}: no file in {args.data / name}")
        for path in files:
            shrink(path, args.out / path.relative_to(args.data), side, args.quality)
        size = sum((args.out / path.relative_to(args.data)).stat().st_size for path in files)
        print(f"{name}: {len(files)} files, {size / 1e6:.1f} MB", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
