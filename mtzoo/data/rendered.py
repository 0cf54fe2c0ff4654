"""Synthetic scenes on disk: rendered once, into a folder that appears only when it is whole."""

import os

from mtzoo.console import numbered
from mtzoo.data.sources import Files, SyntheticScenes
from mtzoo.errors import UserError, cut
from mtzoo.progress import show_progress


def ensure_rendered(spec: SyntheticScenes) -> Files:
    """Render `spec`'s scenes unless they are there, with all cores, progress shown on stderr; return the reader of its files.

    Safe against interruption, and against a second process that
    renders the same scenes: that one waits for the first. Raises UserError where they cannot be written.
    """
    if not spec.folder.is_dir():
        # Imported late: the renderer is needed by those who render only.
        from mtzoo.data.synthetic import write_dataset
        try:
            with show_progress(f"rendering scenes into {spec.folder}", transient=True) as on_progress:
                write_dataset(spec.folder, spec.num, spec.seed, size_hw=spec.size_hw, workers=os.cpu_count() or 1,
                              on_progress=on_progress)
                if on_progress.total:  # and not by another process
                    on_progress.note(f"{spec.folder}: rendered {numbered(spec.num, 'scene')}")
        except UserError as error:
            raise UserError(f"{error}; it is asked for by source '{spec.name}', whose root can be set") from error
    return spec.files()


def check_rendered(spec: SyntheticScenes) -> None:
    """Raises UserError if the scenes are not there, with what would be rendered where."""
    if not spec.folder.is_dir():
        height, width = spec.size_hw
        raise UserError(f"{spec.folder}: the synthetic scenes of source '{cut(spec.name)}' are not there; --render makes "
                        f"{spec.num:,} of {width}x{height} pixels there, or override sources or data_root to use other data")
