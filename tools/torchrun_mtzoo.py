"""torchrun for `mtzoo`: the same options and processes, but the failed process's own line and exit status are what the user gets.

    python tools/torchrun_mtzoo.py --standalone --nproc-per-node 2 -m mtzoo quant-train --config CONFIG
"""

import logging
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path

from torch.distributed.elastic.multiprocessing.api import SignalException
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError, ProcessFailure
from torch.distributed.run import parse_args, run

USER_ERROR = 2
ENDED = (-signal.SIGTERM, 128 + signal.SIGTERM)
"""Exit codes of a process that was ended because another one had failed."""


def main() -> int:
    """The exit status of the process that failed first, 128 + N after a signal N."""
    logging.disable(logging.ERROR)  # its report of a failed process is 80 lines, after the one that tells why
    os.environ["TORCHRUN_TELLS_ERRORS"] = "1"  # then processes leave their errors to this one
    try:
        run(parse_args(None))
        return 0
    except ChildFailedError as error:
        return tell(error.failures)
    except SignalException as stop:
        return 128 + stop.sigval


def tell(failures: Mapping[int, ProcessFailure]) -> int:
    """Print why the processes failed, rank -> failure; returns the exit status.

    What a process has told counts, even if torchrun ended it before it was gone: it ends all others as soon as one has failed.
    """
    told = [failure for failure in failures.values() if Path(failure.error_file).is_file()]
    if told:
        print(min(told, key=lambda failure: failure.timestamp).message, file=sys.stderr)
        return USER_ERROR
    rank, failure = min(failures.items(), key=lambda item: (item[1].exitcode in ENDED, item[1].timestamp))
    if failure.exitcode >= 0:
        return failure.exitcode
    name = signal.Signals(-failure.exitcode).name
    print(f"error: process {rank} was ended by {name}, by the system for want of memory if nobody else; go on with --resume",
          file=sys.stderr)
    return 128 - failure.exitcode


if __name__ == "__main__":
    sys.exit(main())
