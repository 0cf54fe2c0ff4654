"""The `mtzoo` command: one verb per file of this folder, imported only when it is called.

A verb's file (dashes become underscores in its name) has `HELP: str`, `add_arguments(parser)` and `run(args) -> int`.
"""

import argparse
import ast
import errno
import importlib
import json
import os
import signal
import sys
import time
import warnings
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import TextIO

from mtzoo import __version__
from mtzoo.cli.columns import two_columns
from mtzoo.cli.parser import Parser
from mtzoo.cli.streams import discard_output, output_fault, prepare_streams
from mtzoo.errors import Caution, UserError, did_you_mean, one_line, without_middle
from mtzoo.machine import limit_spinning
from mtzoo.signals import Interrupted, handled

RANK = int(os.environ.get("RANK", 0))  # as torchrun numbers its processes
ERROR_FILE = os.environ.get("TORCHELASTIC_ERROR_FILE") if "TORCHRUN_TELLS_ERRORS" in os.environ else None
FOLLOW = 10.0  # seconds
LOST_PROCESS = ("Connection closed by peer", "Connection reset by peer", "NCCL")
EXIT_USER_ERROR = 2
EXIT_INTERRUPTED = 128 + signal.SIGINT
EXIT_BROKEN_PIPE = 128 + 13
MACHINE_FAULTS = frozenset({errno.EACCES, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EMFILE, errno.ENAMETOOLONG, errno.ENFILE,
                            errno.ENOMEM, errno.ENOSPC, errno.EPERM, errno.EROFS, errno.ESTALE})
"""Of a file or disk; a file that is missing where it should be is a bug."""
OUT_OF_MEMORY = ("can't allocate memory", "Insufficient memory", "out of memory")
HELP_IS = "HELP = "
SYSTEM_LIBRARIES = ("libGL", "libgthread", "libglib", "libxcb", "libX11")
INSTALL_LIBRARIES = "apt-get install -y libgl1 libglib2.0-0 libxcb1"


def main(argv: Sequence[str] | None = None) -> int:
    """Run a verb and give the exit status: 0 good, 1 the verb says no, 2 the user can mend it, 130 Ctrl-C, 143 SIGTERM.

    An exception that is none of these is a bug and leaves with its traceback.
    """
    try:
        with handled():
            warnings.showwarning = show_warning
            limit_spinning()
            prepare_streams()
            status = dispatch(sys.argv[1:] if argv is None else argv)
            sys.stdout.flush()
            return status
    except UserError as error:
        return tell_error(str(error), whole=True)  # it is as long as it has to be
    except KeyboardInterrupt as stop:
        if RANK == 0:
            tell(str(stop) or "interrupted")
        return stop.status if isinstance(stop, Interrupted) else EXIT_INTERRUPTED
    except BrokenPipeError:  # the reader of our output has gone: nobody is left to tell
        discard_output()
        return EXIT_BROKEN_PIPE
    except (ImportError, MemoryError, OSError, RecursionError, RuntimeError) as error:
        if is_lost_process(error):
            return follow()
        if fault := output_fault(error) or machine_fault(error):
            return tell_error(fault)
        raise


def tell_error(message: str, *, whole: bool = False) -> int:
    """Print what the user can mend as one line on stderr; returns the exit status. whole: a long one, too.

    A process that torchrun has started for us leaves the line to the one that did: all processes may find the same.
    """
    text = one_line(message)
    line = f"error: {text if whole else without_middle(text)}"
    if ERROR_FILE is None:
        tell(line)
    else:
        Path(ERROR_FILE).write_text(json.dumps({"message": line, "timestamp": int(time.time())}))
    return EXIT_USER_ERROR


def tell(message: str) -> None:
    """Print one line on stderr, if anybody takes it."""
    with suppress(OSError):
        print(one_line(message), file=sys.stderr, flush=True)


def is_lost_process(error: Exception) -> bool:
    """Whether it says that another process of the same training is gone."""
    return "WORLD_SIZE" in os.environ and isinstance(error, RuntimeError) and any(text in str(error) for text in LOST_PROCESS)


def follow() -> int:
    """Another process has failed and tells why: wait to be ended with it, as torchrun does. Where mtzoo started both, mtzoo tells."""
    time.sleep(FOLLOW)
    if ERROR_FILE is None:
        tell("error: another process of this training has ended; continue with --resume")
    return 1


def machine_fault(error: Exception) -> str:
    """What to tell of an exception that comes from the machine or the size of the input; empty for a bug."""
    if isinstance(error, ImportError):
        missing = any(library in str(error) for library in SYSTEM_LIBRARIES)
        return f"opencv needs a system library ({error}); on Debian or Ubuntu: {INSTALL_LIBRARIES}" if missing else ""
    if isinstance(error, RecursionError):
        return "what was read is nested deeper than Python can follow; use a flatter config, file or option"
    if isinstance(error, MemoryError) or any(text in str(error) for text in OUT_OF_MEMORY):
        return f"not enough memory ({error}); use smaller images, a smaller batch or fewer workers"
    if "DataLoader worker" in str(error):
        return "a process that reads images was ended by the system, usually because memory ran out; lower env.workers or env.cache_mb"
    if isinstance(error, OSError) and error.errno in MACHINE_FAULTS:
        return f"{error.filename or 'a file'}: cannot be read or written ({error.strerror}); free space, fix it or use another place"
    return ""


def show_warning(message: Warning | str, category: type[Warning], filename: str, lineno: int, file: TextIO | None = None,
                 line: str | None = None) -> None:
    """mtzoo's own warnings as one line, without the place in the code; those of libraries as Python shows them."""
    if issubclass(category, Caution):
        print(f"warning: {one_line(str(message))}", file=sys.stderr)
    else:
        print(warnings.formatwarning(message, category, filename, lineno, line), end="", file=file or sys.stderr)


def dispatch(argv: Sequence[str]) -> int:
    """Run the verb argv[0] with the other arguments."""
    verbs = discover_verbs()
    if not argv or argv[0] in ("-h", "--help"):
        print(overview(verbs))
        return 0 if argv else EXIT_USER_ERROR
    if argv[0] == "--version":
        print(f"mtzoo {__version__}")
        return 0
    verb = argv[0]
    if verb not in verbs:
        raise UserError(f"mtzoo has no verb '{verb}'{did_you_mean(verb, verbs)}")
    module = import_verb(verb)
    try:
        args = verb_parser(verb, module).parse_args(argv[1:], argparse.Namespace(argv=list(argv)))
    except SystemExit as stop:  # --help, or a usage error that argparse has printed
        return int(stop.code or 0)
    from mtzoo.progress import shown_if  # here, because --help need not wait for rich

    with shown_if(not args.quiet):
        return module.run(args)


def verb_parser(verb: str, module: ModuleType) -> Parser:
    """The parser of a verb's arguments. module: of `import_verb`."""
    parser = Parser(prog=f"mtzoo {verb}", description=module.__doc__, allow_abbrev=False,
                    formatter_class=argparse.RawDescriptionHelpFormatter)
    module.add_arguments(parser)
    return parser


def discover_verbs() -> dict[str, str]:
    """Verb -> its HELP, a text on one line of its file. No file is imported or parsed: every command waits for this."""
    verbs = {}
    for path in sorted(Path(__file__).parent.glob("*.py")):
        text = next((line[len(HELP_IS):] for line in path.read_text("utf-8").splitlines() if line.startswith(HELP_IS)), None)
        if text is not None:
            verbs[path.stem.replace("_", "-")] = ast.literal_eval(text)
    return verbs


def overview(verbs: dict[str, str]) -> str:
    """What `mtzoo --help` prints."""
    return "\n".join(["usage: mtzoo VERB ...", "", "verbs:", *two_columns(verbs), "", "mtzoo VERB --help shows the options of a verb."])


def import_verb(verb: str) -> ModuleType:
    """The module of a verb."""
    return importlib.import_module(f"mtzoo.cli.{verb.replace('-', '_')}")
