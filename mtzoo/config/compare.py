"""Two configs side by side: whether a run of the one may be gone on with as the other, and what differs."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from mtzoo.config.env import Env
from mtzoo.config.load import config_from_dict, config_hash
from mtzoo.config.schema import ExperimentConfig
from mtzoo.errors import UserError, shown

HARMLESS = ("workers", "threads", "cache_mb", "log_interval", "checkpoint_interval", "keep_checkpoints", "default_ctx",
            "max_bad_images", "loggers", "logger_options")
"""Keys of `env` that say how a run is done, not what comes out of it."""
NETWORK = ("nodes", "tasks", "channels")
"""Keys that say which network it is: a difference there is told before any other."""


def difference(held: Mapping[str, Any], now: ExperimentConfig) -> str | None:
    """The first key in which a config's plain data give other results than `now`: "env.seed=1, here env.seed=0"; None if none does.
    Those of the network go first: two networks differ in their training as well, which would not tell that they are two.

    The teacher's path is no difference: a run that goes on checks its file.
    """
    try:
        if _essence(config_from_dict(held)) == _essence(now):
            return None
    except UserError:
        pass  # of another version: its data are compared as they are
    values, others = dict(_flat(held)), dict(_flat(now.resolved))
    for key in sorted((*values, *others), key=_rank):
        if values.get(key) != others.get(key) and key not in _LEFT_OUT:
            return f"{key}={_shown(values, key)}, here {key}={_shown(others, key)}"
    return None


def results_hash(config: ExperimentConfig) -> str:
    """`config_hash` of what decides the results."""
    values = {key: value for key, value in config.resolved.items() if key != "name"}
    if isinstance(values.get("env"), Mapping):
        values["env"] = {key: value for key, value in values["env"].items() if key not in HARMLESS}
    return config_hash(replace(config, resolved=values))


_LEFT_OUT = {*(f"env.{name}" for name in HARMLESS), "name", "distillation.teacher"}


def _essence(config: ExperimentConfig) -> ExperimentConfig:
    env = replace(config.env, **{name: getattr(Env(), name) for name in HARMLESS})
    distillation = config.distillation and replace(config.distillation, teacher="")
    return replace(config, name="", env=env, distillation=distillation)


def _rank(key: str) -> int:
    top = key.partition(".")[0]
    return NETWORK.index(top) if top in NETWORK else len(NETWORK)


def _flat(values: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted keys and their values; a list's places are numbers."""
    items = values.items() if isinstance(values, Mapping) else enumerate(values) if isinstance(values, list | tuple) else None
    if not items:
        yield prefix.rstrip("."), values
        return
    for key, value in items:
        yield from _flat(value, f"{prefix}{key}.")


def _shown(values: Mapping[str, Any], key: str) -> str:
    return shown(values[key]) if key in values else "its default, or nothing"
