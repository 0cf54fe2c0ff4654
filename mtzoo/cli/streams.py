"""stdout and stderr as the user's shell gives them: closed, full, or of an encoding that lacks most characters."""

import os
import sys

from mtzoo.errors import UserError


def prepare_streams() -> None:
    """Make printing safe: a character that the terminal lacks becomes an escape. Raises UserError if stdout is closed."""
    for descriptor in (0, 1, 2):  # a file that is opened later must not take the place of a closed one
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115
        raise UserError("standard output is closed; send it somewhere, e.g. > /dev/null")
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def output_fault(error: Exception) -> str:
    """What to tell if `error` says that what was printed cannot be written, e.g. to a full disk; empty if it was another file."""
    if not isinstance(error, OSError) or error.filename is not None:
        return ""
    try:
        sys.stdout.flush()
        os.write(sys.stdout.fileno(), b"\n")  # what was printed without a buffer is gone, only another try tells
        return ""
    except OSError:
        discard_output()
        return f"standard output cannot be written ({error.strerror}); send it somewhere else"


def discard_output() -> None:
    """Let what is still to be printed vanish: Python would try once more at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
