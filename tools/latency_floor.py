"""How fast a network could be at best on a CPU with matrix units: the time of products, bytes and results of each kind of layer.

    python tools/latency_floor.py 4pe_resize/multitask 4pe_fast/multitask 4pe_fast/multitask_nano

The rates are those of one thread of a Xeon with AMX, the best of three runs of programs that do nothing else (docs/limits.md). Groups
of fewer than 16 channels count as they run: joined, with zeros between. Layers that only move values cost their bytes.
Post-processing is not counted.
"""

import argparse
import sys
from collections import defaultdict
from collections.abc import Sequence
from math import prod

from one_line_errors import one_line_errors

from mtzoo.compression.latency import CONV, IMAGE, OUTPUT, Operator, kind_of, read_operators
from mtzoo.config.load import load_config
from mtzoo.engine.stages import config_network
from mtzoo.locate import find_config
from mtzoo.runtime.regroup import CHANNELS_PER_GROUP, widen_groups

AMX_GMAC_S, L2_GB_S, GVALUES_S = 2464, 115, 0.8 * 16
"""int8 products, bytes read and written, results scaled and rounded to 8 bits, a second."""


def joined_macs(operator: Operator) -> int:
    """Products of a convolution as OpenVINO runs it."""
    conv = operator.conv
    if conv.groups in (1, conv.in_channels):
        inputs = conv.weight.shape[1]
    else:
        inputs = widen_groups(conv.weight.detach().numpy(), conv.groups, CHANNELS_PER_GROUP)[0].shape[1]
    return operator.made * inputs * prod(conv.kernel_size)


def kind_name(operator: Operator) -> str:
    if operator.kind != CONV:
        return operator.kind
    height, width = operator.conv.kernel_size
    return f"{height}x{width} {kind_of(operator.conv)}"


def floors(name: str) -> dict[str, tuple[int, float, float, float, float]]:
    """Kind of layer -> (layers, GMAC, ms of the products, of the bytes, of the results)."""
    config = load_config(find_config(name))
    found: dict[str, list[tuple[float, ...]]] = defaultdict(list)
    for operator in read_operators(config_network(config), config.deploy_geometry.input_hw):
        if operator.kind in (IMAGE, OUTPUT):
            continue
        macs, rounded = (joined_macs(operator), operator.made) if operator.kind == CONV else (0, 0)
        found[kind_name(operator)].append((1, macs / 1e9, macs / AMX_GMAC_S / 1e6, operator.moved / L2_GB_S / 1e6,
                                           rounded / GVALUES_S / 1e6))
    return {kind: tuple(map(sum, zip(*rows))) for kind, rows in found.items()}


def table(name: str) -> str:
    """In Markdown, the most expensive kind first."""
    lines = [["kind", "layers", "GMAC", "products ms", "bytes ms", "results ms", "sum ms"], ["---", *["---:"] * 6]]
    kinds = sorted(floors(name).items(), key=lambda item: -sum(item[1][2:]))
    whole = tuple(map(sum, zip(*(values for _, values in kinds))))
    for kind, (count, gmac, *ms) in [*kinds, ("all", whole)]:
        lines.append([kind, f"{count:.0f}", f"{gmac:.2f}", *(f"{value:.2f}" for value in ms), f"{sum(ms):.2f}"])
    return "\n".join([f"{name}", "", *(f"| {' | '.join(line)} |" for line in lines), ""])


@one_line_errors
def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("configs", nargs="+", help="names of shipped configs, or config files")
    for name in parser.parse_args(argv).configs:
        print(table(name))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
