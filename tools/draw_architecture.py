"""Draws the pictures of docs/architecture.md from the code: the rooms of the package, and the nodes of a config.

    python tools/draw_architecture.py --out docs/images
    python tools/draw_architecture.py --out docs/images --config 4pe_fast/multitask

An arrow goes from a room to those that import it, and from a node to those that read it; one that a longer way says, too, is left out.
Rooms that nearly all import stand in one row at the bottom, without arrows.
"""

import argparse
import ast
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt
from one_line_errors import one_line_errors

from mtzoo.config import load_config
from mtzoo.locate import find_config

PACKAGE = Path(__file__).resolve().parents[1] / "mtzoo"
COMMON_SHARE = 0.5
"""A room that at least this share of the others import is drawn in the bottom row."""
Edges = Mapping[str, set[str]]
"""Name -> names that it reads."""


def imports() -> dict[str, set[str]]:
    """Room (a folder of the package) -> rooms that its files import, wherever in them."""
    rooms = {path.name for path in PACKAGE.iterdir() if (path / "__init__.py").is_file()}
    found: dict[str, set[str]] = {room: set() for room in rooms}
    for room in rooms:
        for path in (PACKAGE / room).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                names = [node.module or ""] if isinstance(node, ast.ImportFrom) else (
                    [alias.name for alias in node.names] if isinstance(node, ast.Import) else [])
                found[room] |= {name.split(".")[1] for name in names if name.startswith("mtzoo.")} & rooms
    return {room: read - {room} for room, read in found.items()}


def without_common(edges: Edges) -> tuple[dict[str, set[str]], list[str]]:
    """The rooms without those that most import, and these."""
    readers = {room: sum(room in read for read in edges.values()) for room in edges}
    common = sorted(room for room in edges if readers[room] >= COMMON_SHARE * len(edges))
    return {room: read - set(common) for room, read in edges.items() if room not in common}, common


def reduced(edges: Edges) -> dict[str, set[str]]:
    """Without the arrows that a longer way says, too. The graph has no cycle."""
    def reached(name: str) -> set[str]:
        return set().union(*({read} | reached(read) for read in edges[name])) if edges[name] else set()

    return {name: {read for read in reads if not any(read in reached(other) for other in reads)} for name, reads in edges.items()}


def ranks(edges: Edges) -> dict[str, int]:
    """Name -> its row: how many arrows its longest way down has; what reads nothing stands right below the first that reads it."""
    found: dict[str, int] = {}

    def rank(name: str) -> int:
        if name not in found:
            found[name] = 1 + max((rank(read) for read in edges[name]), default=-1)
        return found[name]

    for name in edges:
        rank(name)
    readers = {name: [found[other] for other, reads in edges.items() if name in reads] for name in edges}
    return {name: min(readers[name]) - 1 if readers[name] and not edges[name] else row for name, row in found.items()}


def node_edges(config: str) -> tuple[dict[str, set[str]], dict[str, str]]:
    """The nodes of a config's tasks: (name -> what it reads, name -> its type). Tasks read their heads."""
    reads: dict[str, set[str]] = {"image": set()}
    labels = {"image": "uint8, N 3 H W"}
    for task in load_config(find_config(config)).tasks:
        for node in task.nodes:
            reads[node.name] = {name.split(".")[0] for name in node.inputs} or {"image"}
            labels[node.name] = node.type
        reads[task.name] = {task.nodes[-1].name}
        labels[task.name] = task.of_kind.answer
    return reads, labels


def places(edges: Edges) -> dict[str, tuple[float, float]]:
    """Name -> (x, y): a row for each rank, sorted so that names stand over what they read."""
    rows: dict[int, list[str]] = {}
    for name, rank in ranks(edges).items():
        rows.setdefault(rank, []).append(name)
    found: dict[str, tuple[float, float]] = {}
    for rank in sorted(rows):
        def wanted(name: str) -> tuple[float, str]:
            below = [found[read][0] for read in edges[name]]
            return (sum(below) / len(below) if below else 0.0), name

        names = sorted(rows[rank], key=wanted)
        for i, name in enumerate(names):
            found[name] = (i - (len(names) - 1) / 2, float(rank))
    return found


def draw(edges: Edges, path: Path, labels: Mapping[str, str] | None = None, bottom: Sequence[str] = ()) -> None:
    spots, labels = places(edges), labels or {}
    width = max(abs(x) for x, _ in spots.values()) * 2 + 1
    height = max(y for _, y in spots.values()) + 1 + bool(bottom)
    figure, axes = plt.subplots(figsize=((2.4 if labels else 1.5) * max(width, len(bottom)), 0.95 * height))
    for name, reads in edges.items():
        for read in reads:
            axes.annotate("", xy=spots[name], xytext=spots[read], zorder=1,
                          arrowprops={"arrowstyle": "-|>", "color": "0.6", "shrinkA": 14, "shrinkB": 16, "lw": 1})
    boxes = {**spots, **{name: (i - (len(bottom) - 1) / 2, -1.0) for i, name in enumerate(bottom)}}
    for name, (x, y) in boxes.items():
        text = f"{name}\n{labels[name]}" if name in labels else name
        axes.text(x, y, text, ha="center", va="center", fontsize=8, zorder=2,
                  bbox={"boxstyle": "round,pad=0.4", "fc": "#eef3fb" if y >= 0 else "#f4f4f4", "ec": "#4a6fa5"})
    axes.set_xlim(-max(width, len(bottom)) / 2 - 0.1, max(width, len(bottom)) / 2 + 0.1)
    axes.set_ylim(-0.6 - bool(bottom), height - bool(bottom) - 0.4)
    axes.axis("off")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, bbox_inches="tight", metadata={"Date": None})
    plt.close(figure)


@one_line_errors
def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder of the pictures")
    parser.add_argument("--config", default="4pe_resize/multitask", help="whose nodes are drawn (4pe_resize/multitask)")
    args = parser.parse_args(argv)
    plt.rcParams |= {"svg.hashsalt": "mtzoo", "svg.fonttype": "none"}  # the same picture in every run, and words as words
    rooms, common = without_common(imports())
    draw(reduced(rooms), args.out / "rooms.svg", bottom=common)
    nodes, labels = node_edges(args.config)
    draw(reduced(nodes), args.out / "nodes.svg", labels)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
