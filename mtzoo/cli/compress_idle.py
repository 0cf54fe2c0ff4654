"""Options of `mtzoo compress` that change nothing beside its strategy file and its target."""

import argparse

from mtzoo.cli.idle import note_idle
from mtzoo.settings.target import HOST


def note_idle_measuring(args: argparse.Namespace) -> None:
    """Tell of options of calibration and measurement for which the search, or the methods of a strategy file, have no use."""
    from mtzoo.config.strategy import read_strategy

    strategy = None if args.strategy_config is None else read_strategy(args.strategy_config)
    if strategy is not None and strategy.names_methods:
        if not args.bench:
            note_idle(args, "--no-bench measures no latency", "--threads")
        if not strategy.calibrated:
            note_idle(args, f"{strategy.path} does not quantize by calibration", "--calib-images")
        return
    note_idle(args, "the search ranks candidates by their latency", "--no-bench")
    hardware = strategy.hardware if strategy is not None and args.deploy_hardware == HOST else args.deploy_hardware
    if hardware not in (None, HOST):
        note_idle(args, f"the latency on {hardware} is predicted", "--threads")
