"""Measurements of many networks of the zoo, kept in a record and gone on with."""

import time
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from mtzoo.config import load_config
from mtzoo.console import PlainConsole
from mtzoo.engine.row_record import load_rows, save_rows
from mtzoo.errors import UserError
from mtzoo.locate import find_config, list_configs
from mtzoo.progress import follows_console, format_seconds
from mtzoo.recipes.zoo_row import Measuring, ZooRow, adapted, measure


@follows_console
def measure_zoo(names: Sequence[str], asked: Measuring, *, size: tuple[int, int] | None = None, weight_bits: int | None = None,
                record: str | Path | None = None, console: PlainConsole | None = None) -> list[ZooRow]:
    """A row for each shipped config that a pattern of `names` names, with random weights.

    size: (height, width), None for each config's own; record: a JSON file to go on from and to keep the results in; console: told what
    is done next, default stderr. Raises UserError for a pattern that names none.
    """
    console = console or PlainConsole(stderr=True)
    kept = [] if record is None else load_rows(Path(record), ZooRow, "zoo-table")
    known = {(row.config, row.hw, row.weight_bits): row for row in kept}
    wanted = configs_called(names)
    rows, started, done = [], time.monotonic(), 0
    for place, name in enumerate(wanted):
        config = adapted(load_config(find_config(name)), size, weight_bits)
        key = (name, tuple(config.deploy_geometry.input_hw), config.quantization.weight_bits)
        if not is_done(known.get(key), asked):
            left = (time.monotonic() - started) / done * (len(wanted) - place) if done else None
            head = f"{place + 1} of {len(wanted)}{'' if left is None else f', {format_seconds(left)} to go'}: {name}"
            row = measure(config, asked, lambda what, head=head: console.print(f"{head}: {what}"))
            done += 1
            known[key] = row if key not in known else row.beside(known[key])
            if record is not None:
                save_rows(Path(record), known.values())
        rows.append(known[key])
    return rows


def configs_called(patterns: Sequence[str]) -> list[str]:
    """Names of the shipped configs that are asked for. Raises UserError for a pattern that names none."""
    names = list_configs()
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in names):
            raise UserError(f"--names {pattern}: no shipped config has this name; `mtzoo list` shows them")
    return [name for name in names if any(fnmatchcase(name, pattern) for pattern in patterns)]


def is_done(row: ZooRow | None, asked: Measuring) -> bool:
    """Whether a row holds all that is asked for."""
    if row is None or asked.check and not row.values:
        return False
    if not asked.runs:
        return True
    return bool(row.latency_ms) and row.threads == asked.threads and all(f"{ratio:g}" in row.pruned for ratio in asked.ratios)
