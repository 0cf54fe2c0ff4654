"""A config for a file that others download: it loads anywhere, and says nothing of where its maker's files lay."""

import os
from collections.abc import Iterator, Mapping
from pathlib import PurePath, PurePosixPath, PureWindowsPath
from typing import Any

from mtzoo.config.load import config_from_dict
from mtzoo.config.schema import ExperimentConfig

DATA_ROOT = "$MTZOO_DATA"
"""What stands in place of a `data_root` of the maker's machine."""
SOURCE_PATHS = ("images", "annotations", "masks", "pairs", "root")
NOT_PATHS = ("classes", "categories", "labels", "separator")
"""Keys whose strings are taken as they are, whatever they look like."""
OWN_FOLDERS = 3
"""Parts of a path that say whose machine it is: /, home and a name."""


def portable(config: ExperimentConfig) -> ExperimentConfig:
    """The config without paths of this machine; relative ones stay as they were written.

    Data: `data_root` becomes "$MTZOO_DATA", and what was named by an absolute path lies below it: what such paths have in common goes,
    or all but their last names where they have too little in common. All other absolute paths (the teacher of a distillation, published
    weights) are cut to their last names: nothing of a trained network reads them.
    """
    values = dict(config.resolved)
    root = _absolute(values.get("data_root"))
    folders = [path.parent.parts for path in _source_paths(values) if root is None or not _below(path, root)]
    shared = os.path.commonprefix(folders) if folders else ()
    values = _shortened(values, root, shared if len(shared) >= OWN_FOLDERS else None)
    if root is not None:
        values["data_root"] = DATA_ROOT
    elif folders:
        values.setdefault("data_root", DATA_ROOT)
    return config_from_dict(values)


def _shortened(values: Any, root: PurePath | None, shared: tuple[str, ...] | None, key: str = "") -> Any:
    """root: an absolute `data_root`; shared: what source paths outside of it begin with, None if they begin with too little."""
    if key in NOT_PATHS:
        return values
    if isinstance(values, Mapping):
        return {name: _shortened(value, root, shared, name) for name, value in values.items()}
    if isinstance(values, list | tuple):
        return [_shortened(value, root, shared, key) for value in values]
    path = _absolute(values)
    if path is None:
        return values
    if key not in SOURCE_PATHS:
        return path.name
    start = len(root.parts) if root is not None and _below(path, root) else len(path.parts) - 1 if shared is None else len(shared)
    return "/".join(["{data_root}", *path.parts[start:]])


def _source_paths(values: Any, key: str = "") -> Iterator[PurePath]:
    """Absolute paths of data sources, wherever in the config they stand."""
    if isinstance(values, Mapping):
        for name, value in values.items():
            yield from _source_paths(value, name)
    elif isinstance(values, list | tuple):
        for value in values:
            yield from _source_paths(value, key)
    elif key in SOURCE_PATHS and (path := _absolute(values)) is not None:
        yield path


def _below(path: PurePath, root: PurePath) -> bool:
    return path.parts[:len(root.parts)] == root.parts


def _absolute(value: object) -> PurePath | None:
    """The path that a string is if it begins at the root, at a drive or at somebody's home; None for anything else."""
    if not isinstance(value, str):
        return None
    path = PureWindowsPath(value) if PureWindowsPath(value).drive else PurePosixPath(value)
    return path if path.name and (path.is_absolute() or value.startswith("~")) else None
