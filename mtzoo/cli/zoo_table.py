"""Make the table of the zoo: parameters, MACs, latency in float, int8 and pruned, and whether all executors agree.

    mtzoo zoo-table
    mtzoo zoo-table --names "zoo/fast*" --check --size 128x256
    mtzoo zoo-table --bench --size 512x1024 --ratios 0.1 0.2 0.3 --record zoo.json --out zoo.md

Weights are random and calibrated on noise: nothing in the table depends on training. Networks in the record are not measured again. Let
nothing else run during --bench; on a CPU without VNNI add --weight-bits 7.
"""

import argparse

from mtzoo.cli.idle import note_idle
from mtzoo.cli.numbers import at_least, joined, processes, ratios, size
from mtzoo.cli.outputs import output_file
from mtzoo.console import say
from mtzoo.deploy.file import DISK_ADVICE
from mtzoo.files import write_whole

HELP = "make the table of the zoo's networks: costs, latency, exactness"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--names", nargs="+", metavar="PATTERN", default=["zoo/*"], help='only configs like these ("zoo/*")')
    parser.add_argument("--size", type=size("--size"), metavar="HxW", help="input size; default: each config's own")
    parser.add_argument("--check", action="store_true", help="compare all executors on an image of noise")
    parser.add_argument("--bench", action="store_true", help="measure the latency in float and int8")
    parser.add_argument("--ratios", nargs="+", type=ratios("--ratios"), default=[], metavar="R",
                        help="with --bench: also measure networks pruned by these shares of the int8 latency")
    parser.add_argument("--weight-bits", type=int, choices=(7,), help="7-bit weights, which also run in int8 on CPUs without VNNI")
    parser.add_argument("--threads", type=processes("--threads"), default=1, help="CPU threads (1)")
    parser.add_argument("--runs", type=at_least(1, "--runs"), default=10, help="rounds of each measurement (10)")
    parser.add_argument("--record", type=output_file("--record"), metavar="FILE",
                        help="a JSON file for the results; finished networks in it are not measured again")
    parser.add_argument("--out", type=output_file("--out"), metavar="FILE", help="also write the table as Markdown")


def run(args: argparse.Namespace) -> int:
    if not args.bench:
        note_idle(args, "no latency is measured without --bench", "--runs", *(() if args.check else ("--threads",)))
    from mtzoo.cli.zoo_table_text import markdown
    from mtzoo.recipes.zoo_row import Measuring
    from mtzoo.recipes.zoo_table import measure_zoo

    asked = Measuring(args.threads, args.runs if args.bench else 0, args.check, joined(args.ratios))
    rows = measure_zoo(args.names, asked, size=args.size, weight_bits=args.weight_bits, record=args.record)
    for line in markdown(rows).splitlines():
        say(line)
    if args.out is not None:
        write_whole(args.out, markdown(rows).encode(), DISK_ADVICE)
    return 1 if any(any(row.differing.values()) for row in rows) else 0
