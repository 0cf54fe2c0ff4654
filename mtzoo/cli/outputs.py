"""Where a verb writes: tried when its arguments are read, before any work."""

from collections.abc import Callable
from pathlib import Path

from mtzoo.files import check_writable


def output_file(option: str) -> Callable[[str], Path]:
    """A type for argparse: a file that can be written. Every option that names a file to write has it."""
    return _output(option, folder=False)


def output_folder(option: str) -> Callable[[str], Path]:
    """A type for argparse: a folder that can be written, or made. Every option that names a folder to write into has it."""
    return _output(option, folder=True)


def _output(option: str, folder: bool) -> Callable[[str], Path]:
    def output(text: str) -> Path:
        check_writable(Path(text), option, folder=folder)
        return Path(text)

    return output
