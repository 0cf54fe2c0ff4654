"""The pictures of docs/backbones.md, of its own table: accuracy of each trunk against its int8 latency.

    python tools/trunk_picture.py docs/backbones.md docs/images/trunks.svg --without "ResNet-18 D" "RepNet small, fine label maps"

The table is the first that has both columns of SCORES; the latency stands in its last column. Rows without one are left out. Of
"a / b" a is val and b test; of two seeds the first counts. "the same" names the row above it. A trunk is called what stands in front of
the comma; of two rows with one name the later counts.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from one_line_errors import one_line_errors

from mtzoo.errors import UserError
from mtzoo.visualization.charts import scatter_chart

SCORES = {"mIoU val / test": ("mIoU, val", "mIoU, test_seen_drive"), "AP50 val / test": ("AP50, val", "AP50, test_seen_drive")}
"""Column -> titles of its two pictures."""
Rows = list[list[str]]


def table(text: str) -> Rows:
    """The cells of the table of trunks, its head first."""
    lines = text.splitlines()
    first = next((i for i, line in enumerate(lines) if line.startswith("|") and all(column in line for column in SCORES)), None)
    if first is None:
        raise UserError(f"the page has no table with the columns {' and '.join(SCORES)}; give docs/backbones.md")
    rows = []
    for line in lines[first:]:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in line.replace("**", "").strip().strip("|").split("|")])
    return [rows[0], *rows[2:]]  # without the rule below the head


def charts(rows: Rows, without: list[str]) -> dict[str, dict[str, tuple[float, float]]]:
    """Title -> trunk -> (ms, score)."""
    head, *body = rows
    found: dict[str, dict[str, tuple[float, float]]] = {title: {} for titles in SCORES.values() for title in titles}
    name = ""
    for cells in body:
        if not cells[0].startswith("the same"):
            name = cells[0]
        short = name.split(",")[0].removesuffix(" (CPU)")
        shown = f"{short}, ImageNet" if "ImageNet" in cells[0] else short
        if not cells[-1] or name in without:
            continue
        for column, titles in SCORES.items():
            for title, score in zip(titles, cells[head.index(column)].split("/")):
                found[title][shown] = float(cells[-1]), float(score.split(",")[0])
    return found


@one_line_errors
def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("page", type=Path, help="the page with the table, in Markdown")
    parser.add_argument("out", type=Path, help="the picture, .svg")
    parser.add_argument("--without", nargs="+", default=[], metavar="TRUNK", help="trunks that are left out")
    args = parser.parse_args(argv)
    found = charts(table(args.page.read_text()), args.without)
    args.out.write_bytes(scatter_chart(found, x_label="int8, ms, 2 threads, 512x960, six tasks"))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
