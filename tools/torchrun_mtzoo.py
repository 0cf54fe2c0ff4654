"""torchrun for `mtzoo`: the same options and processes, but the failed process's own line and exit status are what the user gets.

    python tools/torchrun_mtzoo.py --standalone --nproc-per-node 2 -m mtzoo quant-train --config CONFIG
"""

import logging
import os
import signal
import sys

from torch.distributed.elastic.multiprocessing.api import SignalException
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
from torch.distributed.run import parse_args, run

USER_ERROR = 2


def main() -> int:
    """The exit status of the process that failed first, 128 + N after a signal N."""
    logging.disable(logging.ERROR)  # its report of a failed process is 80 lines, after the one that tells why
    os.environ["TORCHRUN_TELLS_ERRORS"] = "1"  # then processes leave their errors to this one
    try:
        run(parse_args(None))
        return 0
    except ChildFailedError as error:
        rank, failure = error.get_first_failure()
        if failure.exitcode >= 0:
            if failure.exitcode == USER_ERROR:
                print(failure.message, file=sys.stderr)
            return failure.exitcode
        name = signal.Signals(-failure.exitcode).name
        print(f"error: process {rank} was ended by {name}, by the system for want of memory if nobody else; go on with --resume",
              file=sys.stderr)
        return 128 - failure.exitcode
    except SignalException as stop:
        return 128 + stop.sigval


if __name__ == "__main__":
    sys.exit(main())
