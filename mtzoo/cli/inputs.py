"""What a command takes in, told once: the data folders it reads, and what was given to it that changes nothing."""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from mtzoo import locate
from mtzoo.config import ExperimentConfig, config_from_dict
from mtzoo.config.overrides import idle_overrides
from mtzoo.console import note, say
from mtzoo.data import rendered
from mtzoo.data.groups import images_folder
from mtzoo.data.sources import CocoBoxes, Files, MaskFolder, Source, SyntheticScenes, expand_path
from mtzoo.engine.distributed import is_main
from mtzoo.errors import UserError, without_middle
from mtzoo.runtime import model_cache

OWN_VARIABLES = "MTZOO_"
"""How the environment variables begin that are meant for mtzoo: of them, those that no path names are told."""
SETTINGS = {model_cache.VARIABLE, locate.VARIABLE}
"""Those that are no part of a path."""


def note_idle_overrides(values: Mapping[str, Any], options: Mapping[str, Any], tasks: Sequence[str] = (), *,
                        read: Callable[[dict[str, Any]], object] = config_from_dict, verb: str = "mtzoo") -> None:
    """A line on stderr for each of --cfg-options and --tasks that changes nothing. Arguments as for `idle_overrides`."""
    if is_main():
        for line in idle_overrides(values, options, tasks, read=read, verb=verb):
            note(line)


def say_folders(config: ExperimentConfig, *splits: str) -> None:
    """A line for each images folder that is read, with where its labels are. splits: "train", "val"."""
    if not is_main():
        return
    read: list[Source] = []
    for split in splits:
        sources = [s for task in config.tasks for s in (task.train_sources if split == "train" else task.val_sources)]
        for images, labels in folders_of(sources).items():
            say(without_middle(f"{split} images {images}, labels {', '.join(labels)}"))
        read += sources
    texts = [text for source in read for text in vars(source).values() if isinstance(text, str)]
    for name in sorted(name for name in os.environ if name.startswith(OWN_VARIABLES) and name not in SETTINGS):
        if not any(f"${name}" in text or f"${{{name}}}" in text for text in texts):
            note(f"{name} is set, but no data path of this config names it: it changes nothing")


def check_rendered(config: ExperimentConfig, render: bool) -> None:
    """For a config that a model or checkpoint brings along: it writes nothing unasked.

    Raises UserError for a folder of validation images that is not there; synthetic scenes may be rendered with `render`.
    """
    for source in [source for task in config.tasks for source in task.val_sources]:
        if not isinstance(source, SyntheticScenes):
            images_folder(source)
        elif not render:
            rendered.check_rendered(source)


def folders_of(sources: Iterable[Source]) -> dict[str, list[str]]:
    """Images folder -> its annotation files and mask folders, each once, with ~ and $VARIABLES expanded where that can be."""
    found: dict[str, list[str]] = {}
    for source in sources:
        try:
            files = source.files() if isinstance(source, SyntheticScenes) else source
        except UserError:  # a variable that is not set: told when the folder is read
            continue
        labels = found.setdefault(_shown(files.images), [])
        text = _shown(_labels(files))
        if text not in labels:
            labels.append(text)
    return found


def _labels(files: Files) -> str:
    """Where they are: a file or a folder."""
    if isinstance(files, CocoBoxes):
        return files.annotations
    return files.masks if isinstance(files, MaskFolder) else files.pairs


def _shown(path: str) -> str:
    try:
        return str(expand_path(path))
    except UserError:
        return path
