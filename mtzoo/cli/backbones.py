"""List torchvision's and timm's networks as backbones: parameters, MACs, features, and whether they are exact (or why not).

    mtzoo backbones
    mtzoo backbones --library timm --names "resnet*" "efficientnet_lite*"
    mtzoo backbones --check --record backbones.json
    mtzoo backbones --library all --record backbones.json --out backbones.md

--check quantizes each network with random weights and compares fake-quant, the integer network, ONNX Runtime and OpenVINO value by
value, at 64x64 and 96x160. It takes seconds to a minute per network; networks in the record are not checked again.
"""

import argparse

from mtzoo.cli.outputs import output_file
from mtzoo.console import say
from mtzoo.files import write_whole

HELP = "list torchvision's and timm's networks as backbones"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--library", default="torchvision", metavar="LIBRARY", help="torchvision, timm or all (torchvision)")
    parser.add_argument("--names", nargs="+", metavar="PATTERN", default=["*"], help='only names like these, e.g. "resnet*"')
    parser.add_argument("--check", action="store_true", help="compare all executors on random weights")
    parser.add_argument("--record", type=output_file("--record"), metavar="FILE",
                        help="a JSON file for the results; finished networks in it are not checked again")
    parser.add_argument("--out", type=output_file("--out"), metavar="FILE", help="also write the table as Markdown")


def run(args: argparse.Namespace) -> int:
    from mtzoo.cli.backbones_table import markdown, summary_of, table_of
    from mtzoo.deploy.file import DISK_ADVICE
    from mtzoo.recipes.backbones import list_backbones

    rows = list_backbones(args.library, args.names, checked=args.check, record=args.record)
    say(table_of(rows))
    say(summary_of(rows))
    if args.out is not None:
        write_whole(args.out, markdown(rows).encode(), DISK_ADVICE)
    return 1 if any(row.checked is not None and not row.exact for row in rows) else 0
