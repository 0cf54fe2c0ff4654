"""Images that are in train and in val: a network is judged on what it was shown."""

import os
from collections.abc import Collection, Iterable
from pathlib import Path

from mtzoo.console import numbered


def shared_images(train: Iterable[Path], val: Collection[Path]) -> str | None:
    """A sentence if images of val are images of train, too, wherever links lead; None if there are none."""
    seen = set(map(os.path.realpath, train))
    shared = [path for path in val if os.path.realpath(path) in seen]
    if not shared:
        return None
    count = f"{len(shared)} of the {numbered(len(val), 'image')} of val"
    return f"{count} are images of train, too, e.g. {shared[0]}: validation on them flatters; give val images of its own"
