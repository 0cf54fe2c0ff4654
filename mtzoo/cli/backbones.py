"""List torchvision's and timm's networks as backbones: parameters, MACs, features, and whether they are exact or why not.

    mtzoo backbones
    mtzoo backbones --library timm --names "resnet*" "efficientnet_lite*"
    mtzoo backbones --check --record backbones.json
    mtzoo backbones --library all --record backbones.json --out backbones.md

--check quantizes each with random weights and compares fake-quant, the integer network, ONNX Runtime and OpenVINO, value by value, at
64x64 and 96x160. It takes seconds to a minute a network; what the record holds already is not done again.
"""

import argparse
import time
from collections.abc import Sequence
from fnmatch import fnmatchcase

from rich.table import Table

from mtzoo.cli.outputs import output_file
from mtzoo.console import say
from mtzoo.deploy.export import DISK_ADVICE
from mtzoo.engine.backbones import COST_HW, Backbone, check, describe
from mtzoo.engine.row_record import load_rows, save_rows
from mtzoo.errors import UserError
from mtzoo.files import write_whole
from mtzoo.models.timm_backbone import timm_names
from mtzoo.models.torchvision_backbone import torchvision_names
from mtzoo.progress import counted, format_seconds, show_progress

HELP = "list torchvision's and timm's networks as backbones"
LIBRARIES = {"torchvision": ("Torchvision", torchvision_names), "timm": ("Timm", timm_names)}
COLUMNS = ("backbone", "M parameters", f"GMAC at {COST_HW[0]}x{COST_HW[1]}", "features: channels/stride", "exact")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--library", choices=(*LIBRARIES, "all"), default="torchvision", help="whose networks (torchvision)")
    parser.add_argument("--names", nargs="+", metavar="PATTERN", default=["*"], help='only names like these, e.g. "resnet*"')
    parser.add_argument("--check", action="store_true", help="compare all executors on random weights")
    parser.add_argument("--record", type=output_file("--record"), metavar="FILE",
                        help="a JSON file to go on from and to keep the results in")
    parser.add_argument("--out", type=output_file("--out"), metavar="FILE", help="write the table as Markdown, too")


def run(args: argparse.Namespace) -> int:
    wanted = _wanted(args)
    kept = [] if args.record is None else load_rows(args.record, Backbone, "backbones")
    known = {(row.type, row.name): row for row in kept}
    started, done = time.monotonic(), 0
    with show_progress("networks", transient=True) as on_progress:
        for place, key in enumerate(counted(wanted, on_progress)):
            row = known.get(key)
            if row is not None and (row.checked is not None or row.why is not None or not args.check):
                continue
            if args.check:
                left = (time.monotonic() - started) / done * (len(wanted) - place) if done else 0.0
                on_progress.note(f"{place + 1} of {len(wanted)}: {key[1]}{f', {format_seconds(left)} to go' if done else ''}")
            known[key] = check(describe(*key)) if args.check else describe(*key)
            done += 1
            if args.record is not None:
                save_rows(args.record, known.values())
    rows = [known[key] for key in wanted]
    say(_table(rows))
    say(_summary(rows))
    if args.out is not None:
        write_whole(args.out, markdown(rows).encode(), DISK_ADVICE)
    return 1 if any(row.checked is not None and not row.exact for row in rows) else 0


def _wanted(args: argparse.Namespace) -> list[tuple[str, str]]:
    """(node type, name) of every network that is asked for. Raises UserError for a pattern that names none."""
    libraries = list(LIBRARIES) if args.library == "all" else [args.library]
    names = [(kind, name) for library in libraries for kind, list_names in (LIBRARIES[library],) for name in list_names()]
    for pattern in args.names:
        if not any(fnmatchcase(name, pattern) for _, name in names):
            raise UserError(f"--names {pattern}: no network of {' or '.join(libraries)} is called so")
    return [(kind, name) for kind, name in names if any(fnmatchcase(name, pattern) for pattern in args.names)]


def _cells(row: Backbone) -> tuple[str, ...]:
    if row.why is not None:
        return f"{row.name}", "", "", "", f"no: {row.why}"
    return (row.name, f"{row.parameters / 1e6:.2f}", f"{row.macs / 1e9:.2f}", ", ".join(row.features), verdict(row))


def verdict(row: Backbone) -> str:
    """Whether it is exact, in words."""
    if row.checked is None:
        return "not checked" if not row.skipped else f"not checked ({row.skipped[0]})"
    if row.exact:
        return f"yes: 0 of {row.values:,}{f', {row.parts} layers in parts' if row.parts else ''}"
    return "NO: " + ", ".join(f"{name} {count:,}" for name, count in row.checked.items() if count) + f" of {row.values:,}"


def _table(rows: Sequence[Backbone]) -> Table:
    table = Table()
    for i, column in enumerate(COLUMNS):
        table.add_column(column, justify="right" if i in (1, 2) else "left", overflow="fold")
    for row in rows:
        table.add_row(*_cells(row))
    return table


def _summary(rows: Sequence[Backbone]) -> str:
    lowered = sum(row.why is None for row in rows)
    checked = [row for row in rows if row.checked is not None]
    exact = sum(row.exact for row in checked)
    return f"{len(rows)} networks, {lowered} of which can be lowered to leaves; {len(checked)} checked, {exact} exact"


def markdown(rows: Sequence[Backbone]) -> str:
    """The table as Markdown."""
    lines = ["| " + " | ".join(COLUMNS) + " |", "|---|---:|---:|---|---|"]
    lines += ["| " + " | ".join(cell.replace("|", "\\|") for cell in _cells(row)) + " |" for row in rows]
    return "\n".join([*lines, "", _summary(rows), ""])
