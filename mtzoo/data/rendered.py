"""Synthetic scenes on disk: rendered once, into a folder that appears only when it is whole."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from mtzoo.console import say
from mtzoo.data.sources import CocoBoxes, MaskFolder, SyntheticScenes
from mtzoo.errors import UserError


def ensure_rendered(spec: SyntheticScenes, on_progress: Callable[[int, int], None] | None = None) -> CocoBoxes | MaskFolder:
    """Render `spec`'s scenes unless they are there, with all cores; return the reader of its files.

    on_progress(done, total) is called in this process. Safe against interruption and against a second process that
    renders the same scenes: each writes a folder of its own, the first to finish gives it the name.
    """
    folder = spec.folder
    if not folder.is_dir():
        # Imported late: the renderer is needed by those who render only.
        from mtzoo.data.synthetic import write_dataset
        partial = Path(f"{folder}.{os.getpid()}.partial")
        try:
            partial.parent.mkdir(parents=True, exist_ok=True)
            write_dataset(partial, spec.num, spec.seed, size_hw=spec.size_hw, workers=os.cpu_count() or 1,
                          on_progress=on_progress or _print_progress(spec))
            os.replace(partial, folder)
        except OSError as error:
            if not folder.is_dir():
                raise UserError(f"{folder}: synthetic scenes cannot be written ({error.strerror}); "
                                f"set another root for source '{spec.name}'") from None
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    return spec.files()


def _print_progress(spec: SyntheticScenes) -> Callable[[int, int], None]:
    """A line at each tenth: rendering may run inside a training whose output is a log."""
    shown = 0

    def on_progress(done: int, total: int) -> None:
        nonlocal shown
        if done * 10 // total > shown:
            shown = done * 10 // total
            say(f"rendering synthetic scenes into {spec.folder}: {done}/{total}")

    return on_progress
