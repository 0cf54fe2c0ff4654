"""Several processes for one command: torchrun starts one for each device of --ctx, and what the user gets is one command's."""

import argparse
import logging
import os
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from mtzoo.cli.arguments import given_config, parse_options
from mtzoo.console import note
from mtzoo.machine import cores

if TYPE_CHECKING:  # imported when a verb runs: --help should not wait for torch
    from torch.distributed.elastic.multiprocessing.errors import ProcessFailure

RESTARTS = 3
"""How often a command is started again after one of its processes was killed."""
TELLS_ERRORS = "TORCHRUN_TELLS_ERRORS"
"""A variable of the processes that torchrun starts here: they leave their errors to the one that started them."""
USER_ERROR = 2
ENDED = (-signal.SIGTERM, 128 + signal.SIGTERM)
"""Exit codes of a process that was ended because another one had failed."""


class Outcome(NamedTuple):
    """status: exit status of the process that failed first, 128 + N after a signal N; said: why, as one line, "" where it is on the
    terminal already; killed: whether the system or somebody else killed it."""

    status: int
    said: str = ""
    killed: bool = False


def in_processes_of_ctx(run: Callable[[argparse.Namespace], int], *, resumes: bool = True) -> Callable[[argparse.Namespace], int]:
    """A verb's `run`, in one process for each device that --ctx or the config's env.default_ctx names; a process that torchrun has
    started does its part. resumes: whether the verb has --resume, and goes on when a process was killed. Raises UserError for a
    missing device before anything is started."""
    @wraps(run)
    def started(args: argparse.Namespace) -> int:
        from mtzoo.engine.device import processes_of, select_device

        ctx = args.ctx or _default_ctx(args)
        count = processes_of(ctx)
        if count == 1 or "RANK" in os.environ:
            return run(args)
        for rank in range(count):
            select_device(ctx, rank)
        return launch(args.argv, count, resumes)

    return started


def _default_ctx(args: argparse.Namespace) -> str:
    from mtzoo.config.env import Env
    from mtzoo.config.overrides import override

    values = override(given_config(args)[1], parse_options(args.cfg_options))
    env = values.get("env")
    ctx = env.get("default_ctx") if isinstance(env, Mapping) else None
    return ctx if isinstance(ctx, str) else Env.default_ctx  # what is no text is told with its key, when the config is built


def launch(argv: Sequence[str], count: int, resumes: bool) -> int:
    """Run `mtzoo ARGV` in `count` processes of this machine; the exit status. If one is killed, all start again with --resume where
    the verb has it."""
    resumed = list(argv) if "--resume" in argv else [*argv, "--resume"]
    options = ["--standalone", "--local-addr", "127.0.0.1", "--nproc-per-node", str(count), "-m", "mtzoo"]
    with _variable("OMP_NUM_THREADS", os.environ.get("OMP_NUM_THREADS", str(max(1, cores() // count)))):
        outcome = torchrun([*options, *argv])
        for restart in range(1, RESTARTS + 1 if resumes else 0):
            if not outcome.killed:
                break
            note(f"{outcome.said}; continuing from the last checkpoint (restart {restart} of {RESTARTS})")
            outcome = torchrun([*options, *resumed])
    return tell(outcome, "continue with --resume" if resumes else "run it again")


def tell(outcome: Outcome, advice: str) -> int:
    """Print why the processes failed, if they did; the exit status. advice: what to do after one was killed."""
    if outcome.said:
        note(f"error: {outcome.said}; {advice}" if outcome.killed else outcome.said)
    return outcome.status


def torchrun(arguments: Sequence[str]) -> Outcome:
    """torchrun with its own arguments, without its report of a failed process: 80 lines, after the one that tells why."""
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.run import parse_args, run

    before = logging.root.manager.disable
    logging.disable(logging.ERROR)
    try:
        with _variable(TELLS_ERRORS, "1"):
            run(parse_args(list(arguments)))
        return Outcome(0)
    except ChildFailedError as error:
        return outcome_of(error.failures)
    except SignalException as stop:
        return Outcome(128 + stop.sigval)
    finally:
        logging.disable(before)


def outcome_of(failures: "Mapping[int, ProcessFailure]") -> Outcome:
    """What became of the processes. failures: rank -> how it ended, of those that did not end well.

    What a process has told counts, even if torchrun ended it before it was gone: it ends all others as soon as one has failed.
    """
    told = [failure for failure in failures.values() if Path(failure.error_file).is_file()]
    if told:
        return Outcome(USER_ERROR, min(told, key=lambda failure: failure.timestamp).message)
    rank, failure = min(failures.items(), key=lambda item: (item[1].exitcode in ENDED, item[1].timestamp))
    if failure.exitcode >= 0:
        return Outcome(failure.exitcode)
    name = signal.Signals(-failure.exitcode).name
    return Outcome(128 - failure.exitcode, f"process {rank} was ended by {name}, probably by the system, because memory ran out",
                   killed=True)


@contextmanager
def _variable(name: str, value: str) -> Iterator[None]:
    """An environment variable inside of the block, for the processes that are started there."""
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        if before is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = before
