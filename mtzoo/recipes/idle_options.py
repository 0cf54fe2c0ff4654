"""Overrides that change nothing, told once."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from mtzoo.config import ExperimentConfig, config_from_dict
from mtzoo.config.overrides import idle_overrides
from mtzoo.console import note
from mtzoo.engine.distributed import is_main


def note_idle_overrides(values: Mapping[str, Any], options: Mapping[str, Any], tasks: Sequence[str] = (), *,
                        part: Callable[[ExperimentConfig], object], verb: str, carried: bool = False) -> None:
    """A line on stderr for each of --cfg-options and --tasks that changes nothing. Arguments as for `idle_overrides`."""
    if is_main():
        for line in idle_overrides(values, options, tasks, build=config_from_dict, part=part, verb=verb, carried=carried):
            note(line)
