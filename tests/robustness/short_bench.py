"""The command line without a long latency measurement, for a child of the server."""

from mtzoo.cli import main as command_line
from mtzoo.runtime import bench


def main(argv: list[str]) -> int:
    """`mtzoo ARGV` whose latency measurement takes one round."""
    measured = bench.interleaved
    bench.WARM_UP = 0
    bench.interleaved = lambda calls, runs, *more: measured(calls, 1, *more)
    return command_line.main(argv)
