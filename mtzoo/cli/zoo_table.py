"""Make the table of the zoo: parameters, MACs, latency in float and int8, pruned forms, and whether all executors agree.

    mtzoo zoo-table
    mtzoo zoo-table --names "zoo/fast*" --check --hw 128x256
    mtzoo zoo-table --bench --hw 512x1024 --ratios 0.1 0.2 0.3 --record zoo.json --out zoo.md

Weights are random and calibrated on noise: nothing in the table depends on what a network has learnt. What the record holds already is
not done again. Let nothing else run beside --bench; on a CPU without VNNI add --weight-bits 7.
"""

import argparse
import time
from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from mtzoo.cli.numbers import at_least, processes, size
from mtzoo.cli.outputs import output_file
from mtzoo.cli.zoo_published import PUBLISHED
from mtzoo.console import note, numbered, say
from mtzoo.deploy.export import DISK_ADVICE
from mtzoo.engine.row_record import load_rows, save_rows
from mtzoo.errors import UserError
from mtzoo.files import write_whole
from mtzoo.locate import find_config, list_configs
from mtzoo.progress import format_seconds

if TYPE_CHECKING:  # imported when the verb runs: --help should not wait for OpenVINO
    from mtzoo.cli.zoo_row import Measuring, ZooRow

HELP = "make the table of the zoo's networks: costs, latency, exactness"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--names", nargs="+", metavar="PATTERN", default=["zoo/*"], help='only configs like these ("zoo/*")')
    parser.add_argument("--hw", type=size("--hw"), metavar="HxW", help="input size; default: each config's own")
    parser.add_argument("--check", action="store_true", help="compare all executors on an image of noise")
    parser.add_argument("--bench", action="store_true", help="measure the latency in float and int8")
    parser.add_argument("--ratios", nargs="+", type=float, default=[], metavar="R",
                        help="with --bench: also without these shares of the int8 latency, by pruning")
    parser.add_argument("--weight-bits", type=int, choices=(7,), help="weights of 7 bits, which run in int8 on CPUs without VNNI, too")
    parser.add_argument("--threads", type=processes("--threads"), default=1, help="CPU threads (1)")
    parser.add_argument("--runs", type=at_least(1, "--runs"), default=10, help="rounds of each measurement (10)")
    parser.add_argument("--record", type=output_file("--record"), metavar="FILE",
                        help="a JSON file to go on from and to keep the results in")
    parser.add_argument("--out", type=output_file("--out"), metavar="FILE", help="write the table as Markdown, too")


def run(args: argparse.Namespace) -> int:
    from mtzoo.cli.zoo_row import Measuring, ZooRow, adapted, measure
    from mtzoo.config import load_config

    if args.ratios and not args.bench:
        raise UserError("--ratios: pruned networks are only measured with --bench; add it")
    asked = Measuring(args.threads, args.runs if args.bench else 0, args.check, args.ratios)
    kept = [] if args.record is None else load_rows(args.record, ZooRow, "zoo-table")
    known = {(row.config, row.hw, row.weight_bits): row for row in kept}
    wanted = _wanted(args.names)
    rows, started, done = [], time.monotonic(), 0
    for place, name in enumerate(wanted):
        config = adapted(load_config(find_config(name)), args.hw, args.weight_bits)
        key = (name, tuple(config.deploy_geometry.input_hw), config.quantization.weight_bits)
        if not _is_done(known.get(key), asked):
            left = (time.monotonic() - started) / done * (len(wanted) - place) if done else None
            head = f"{place + 1} of {len(wanted)}{'' if left is None else f', {format_seconds(left)} to go'}: {name}"
            row = measure(config, asked, lambda what, head=head: note(f"{head}: {what}"))
            done += 1
            known[key] = row if key not in known else row.beside(known[key])
            if args.record is not None:
                save_rows(args.record, known.values())
        rows.append(known[key])
    for line in markdown(rows).splitlines():
        say(line)
    if args.out is not None:
        write_whole(args.out, markdown(rows).encode(), DISK_ADVICE)
    return 1 if any(any(row.differing.values()) for row in rows) else 0


def _wanted(patterns: Sequence[str]) -> list[str]:
    """Names of the shipped configs that are asked for. Raises UserError for a pattern that names none."""
    names = list_configs()
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in names):
            raise UserError(f"--names {pattern}: no shipped config is called so; `mtzoo list` shows them")
    return [name for name in names if any(fnmatchcase(name, pattern) for pattern in patterns)]


def _is_done(row: "ZooRow | None", asked: "Measuring") -> bool:
    """Whether a row holds all that is asked for."""
    if row is None or asked.check and not row.values:
        return False
    if not asked.runs:
        return True
    return bool(row.latency_ms) and row.threads == asked.threads and all(f"{ratio:g}" in row.pruned for ratio in asked.ratios)


def markdown(rows: "Sequence[ZooRow]") -> str:
    """The table, then what was measured on."""
    cells = [_cells(row) for row in rows]
    columns = list(dict.fromkeys(column for row in cells for column in row))
    lines = ["| " + " | ".join(columns) + " |", "|---|" + "---:|" * (len(columns) - 1)]
    lines += ["| " + " | ".join(row.get(column, "") for column in columns) + " |" for row in cells]
    machines = dict.fromkeys(f"{row.machine}; {numbered(row.threads, 'thread')}, batch 1, weights of {row.weight_bits} bits"
                             for row in rows if row.machine)
    return "\n".join([*lines, "", *(f"Latency: median of interleaved rounds, {machine}." for machine in machines), ""])


def _cells(row: "ZooRow") -> dict[str, str]:
    """Column -> text."""
    cells = {"config": row.config, "input": f"{row.hw[0]}x{row.hw[1]}", "M parameters": f"{row.parameters / 1e6:.2f}",
             "GMAC": f"{row.macs / 1e9:.2f}"}
    if row.values:
        differing = ", ".join(f"{name} {count:,}" for name, count in row.differing.items() if count)
        parts = f", {row.parts} layers in parts" if row.parts else ""
        cells["differing values"] = f"{differing or '0'} of {row.values:,}{parts}"
    for variant, milliseconds in row.latency_ms.items():
        cells[f"{variant}, ms"] = f"{milliseconds:.1f}"
    if row.latency_ms:
        cells["int8 / fp32"] = f"{row.latency_ms['openvino int8'] / row.latency_ms['openvino fp32']:.2f}"
        published = PUBLISHED.get(row.config)
        if published is not None and published.quantized is not None:
            cells["published int8 / float"] = f"{published.quantized / published.base:.2f} ({published.hardware})"
    for ratio, pruned in row.pruned.items():
        text = f"{-100 * pruned.saved('openvino fp32'):.0f} %, {-100 * pruned.saved('openvino int8'):.0f} %"
        published = PUBLISHED.get(row.config)
        if published is not None and ratio in published.pruned:
            text += f" (published {100 * (published.pruned[ratio] / published.base - 1):.0f} %)"
        cells[f"pruned {ratio}: fp32, int8"] = text
    return cells
