"""Options that change nothing, told once."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from mtzoo.config import config_from_dict
from mtzoo.config.overrides import idle_overrides
from mtzoo.console import note
from mtzoo.engine.distributed import is_main
from mtzoo.recipes.models import with_data_of
from mtzoo.runtime.model import DeployModel


def note_idle_overrides(values: Mapping[str, Any], options: Mapping[str, Any], tasks: Sequence[str] = (), *,
                        read: Callable[[dict[str, Any]], object] = config_from_dict, verb: str = "mtzoo") -> None:
    """A line on stderr for each of --cfg-options and --tasks that changes nothing. Arguments as for `idle_overrides`."""
    if is_main():
        for line in idle_overrides(values, options, tasks, read=read, verb=verb):
            note(line)


def note_idle_model_options(model: DeployModel, options: Mapping[str, Any], verb: str) -> None:
    """Tell which of --cfg-options change nothing of a deploy model's evaluation."""
    config = config_from_dict(model.info.config)
    note_idle_overrides(model.info.config, options, read=lambda values: with_data_of(config, config_from_dict(values)),
                        verb=f"{verb} of an exported file")
