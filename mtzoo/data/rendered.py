"""Synthetic scenes on disk: rendered once, into a folder that appears only when it is whole."""

import os
from collections.abc import Callable

from mtzoo.console import say
from mtzoo.data.sources import Files, SyntheticScenes
from mtzoo.errors import UserError, cut


def ensure_rendered(spec: SyntheticScenes, on_progress: Callable[[int, int], None] | None = None) -> Files:
    """Render `spec`'s scenes unless they are there, with all cores; return the reader of its files.

    on_progress(done, total) is called in this process. Safe against interruption, and against a second process that
    renders the same scenes: that one waits for the first. Raises UserError where they cannot be written.
    """
    if not spec.folder.is_dir():
        # Imported late: the renderer is needed by those who render only.
        from mtzoo.data.synthetic import write_dataset
        try:
            write_dataset(spec.folder, spec.num, spec.seed, size_hw=spec.size_hw, workers=os.cpu_count() or 1,
                          on_progress=on_progress or _print_progress(spec))
        except UserError as error:
            raise UserError(f"{error}; it is asked for by source '{spec.name}', whose root can be set") from error
    return spec.files()


def check_rendered(spec: SyntheticScenes) -> None:
    """Raises UserError if the scenes are not there, with what would be rendered where."""
    if not spec.folder.is_dir():
        height, width = spec.size_hw
        raise UserError(f"{spec.folder}: the synthetic scenes of source '{cut(spec.name)}' are not there; --render makes "
                        f"{spec.num:,} of {width}x{height} pixels there, or override sources or data_root to use other data")


def _print_progress(spec: SyntheticScenes) -> Callable[[int, int], None]:
    """A line at each tenth: rendering may run inside a training whose output is a log."""
    shown = 0

    def on_progress(done: int, total: int) -> None:
        nonlocal shown
        if done * 10 // total > shown:
            shown = done * 10 // total
            say(f"rendering synthetic scenes into {spec.folder}: {done}/{total}")

    return on_progress
