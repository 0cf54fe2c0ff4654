"""The data folders that a recipe reads: told once, and checked before anything is computed."""

import os
from collections.abc import Iterable

from mtzoo import locate
from mtzoo.config import ExperimentConfig
from mtzoo.console import PlainConsole, note
from mtzoo.data import rendered
from mtzoo.data.groups import images_folder
from mtzoo.data.sources import Source, SyntheticScenes, expand_path
from mtzoo.engine.distributed import is_main
from mtzoo.errors import UserError, without_middle
from mtzoo.runtime import model_cache

OWN_VARIABLES = "MTZOO_"
"""Prefix of the environment variables that are meant for mtzoo. The user is told of those that no path names."""
SETTINGS = {model_cache.VARIABLE, locate.VARIABLE}
"""Those with a meaning of their own, which no path names."""


def say_folders(config: ExperimentConfig, console: PlainConsole, *splits: str) -> None:
    """A line for each images folder that is read, with where its labels are. splits: "train", "val"."""
    if not is_main():
        return
    read: list[Source] = []
    for split in splits:
        sources = [s for task in config.tasks for s in (task.train_sources if split == "train" else task.val_sources)]
        for images, labels in folders_of(sources).items():
            console.print(without_middle(f"{split} images {images}, labels {', '.join(labels) or 'none'}"))
        read += sources
    texts = [text for source in read for text in vars(source).values() if isinstance(text, str)]
    for name in sorted(name for name in os.environ if name.startswith(OWN_VARIABLES) and name not in SETTINGS):
        if not any(f"${name}" in text or f"${{{name}}}" in text for text in texts):
            note(f"{name} is set, but no data path of this config names it: it changes nothing")


def check_rendered(config: ExperimentConfig, render: bool) -> None:
    """Check the validation folders of a config that a model or checkpoint brings along. It writes nothing unasked.

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
        text = _shown(files.label_place) if files.label_place else ""
        if text and text not in labels:
            labels.append(text)
    return found


def _shown(path: str) -> str:
    try:
        return str(expand_path(path))
    except UserError:
        return path
