"""Options that the user gave and that change nothing beside the others: told in one line."""

import argparse
import os


def note_idle(args: argparse.Namespace, why: str, *options: str) -> None:
    """Tell of those of the options that were given. why: what they go with, and is not there. args: of `Parser`, which knows."""
    if os.environ.get("RANK", "0") != "0":  # as torchrun numbers its processes
        return
    from mtzoo.console import note  # here, because --help need not wait for rich

    for option in options:
        if option in args.given:
            note(f"{option}: changes nothing; {why}")
