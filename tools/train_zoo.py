"""Train the zoo's models side by side on one device until the time is up, and pack what they leave.

    python tools/train_zoo.py --runs work_dirs/zoo --out results --ctx 0 --minutes 10
    python tools/train_zoo.py --runs work_dirs/zoo --out results --dry-run

Commands come from --trainings (tools/zoo_trainings.yaml). When the time is up each one writes a checkpoint and ends; the same call
goes on from there. A command that fails ends its row of commands alone. --out gets logs.tar.gz and at most seven tars.
"""

import argparse
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from one_line_errors import one_line_errors
from zoo_results import pack

from mtzoo.errors import UserError
from mtzoo.files import write_whole
from mtzoo.plain_yaml import parse_yaml

TRAININGS = Path(__file__).with_name("zoo_trainings.yaml")
GRACE = 30.0
"""Seconds for a checkpoint after SIGTERM."""
TELL_EVERY = 30.0
FOLDERS = ("--out", "--work-dir", "--save-dir")


class Training:
    """A row of mtzoo commands, one behind the other. done: how many of them are through, kept in a file."""

    def __init__(self, name: str, commands: Sequence[str], args: argparse.Namespace) -> None:
        self.name, self.args = name, args
        self.commands = [words_of(command, args) for command in commands]
        self.kept, self.log = args.runs / f"{name}.done", args.runs / f"{name}.log"
        self.done = int(self.kept.read_text()) if self.kept.is_file() else 0
        self.process: subprocess.Popen | None = None
        self.failed = False

    @property
    def runs(self) -> bool:
        return self.process is not None

    def command(self, command: Sequence[str]) -> list[str]:
        """One of them as it would be typed."""
        folder = next(Path(value) for option, value in zip(command, command[1:]) if option in FOLDERS)
        resume = ["--resume"] if folder.is_dir() and any(folder.iterdir()) else []
        given = {option.partition("=")[0] for option in self.args.cfg_options}
        own = {"env.workers": self.args.workers, "env.threads": 1, "env.checkpoint_interval": 500}
        options = [f"{key}={value}" for key, value in own.items() if key not in given] + self.args.cfg_options
        return ["mtzoo", *command, "--ctx", self.args.ctx, *resume, "--cfg-options", *options]

    def start(self) -> None:
        if self.failed or self.done == len(self.commands):
            return
        command = self.command(self.commands[self.done])
        with open(self.log, "a") as log:
            print(f"$ {shlex.join(command)}", file=log, flush=True)
            self.process = subprocess.Popen([sys.executable, "-m", *command], stdout=log, stderr=subprocess.STDOUT,
                                            start_new_session=True, env={**os.environ, "OMP_NUM_THREADS": "1"})

    def check(self) -> str:
        """What there is to tell of a command that has ended; the next one is started."""
        status = None if self.process is None else self.process.poll()
        if status is None:
            return ""
        self.process, verb = None, self.commands[self.done][0]
        self.failed = status not in (0, 1)  # 1: it is through, and has lost more than it may
        if not self.failed:
            self.done += 1
            write_whole(self.kept, str(self.done).encode(), "choose another --runs")
        self.start()
        return f"{self.name}: {verb} {'failed' if self.failed else 'done'} ({status}), {self.done} of {len(self.commands)}"

    def last_line(self) -> str:
        lines = self.log.read_text(errors="replace").splitlines() if self.log.is_file() else []
        return lines[-1][:120] if lines else ""


def train_all(trainings: Sequence[Training], seconds: float) -> None:
    """Run them until they are through or the time is up."""
    begun = told = time.monotonic()
    for training in trainings:
        training.start()
    while any(training.runs for training in trainings) and time.monotonic() - begun < seconds:
        time.sleep(0.2)
        lines = [line for training in trainings if (line := training.check())]
        if time.monotonic() - told > TELL_EVERY:
            told = time.monotonic()
            lines += [f"{training.name}: {training.last_line()}" for training in trainings if training.runs]
        for line in lines:
            print(f"{time.monotonic() - begun:5.0f} s  {line}", flush=True)
    stop([training for training in trainings if training.runs])


def stop(trainings: Sequence[Training]) -> None:
    """Let each write a checkpoint; whatever is left after GRACE seconds is killed."""
    for training in trainings:
        training.process.send_signal(signal.SIGTERM)
    end = time.monotonic() + GRACE
    for training in trainings:
        try:
            training.process.wait(max(0.0, end - time.monotonic()))
        except subprocess.TimeoutExpired:
            os.killpg(training.process.pid, signal.SIGKILL)
        print(f"{training.name}: stopped; {training.last_line()}", flush=True)


def words_of(command: str, args: argparse.Namespace) -> list[str]:
    """A command of --trainings with {runs} and {data} filled in. Raises UserError for other places, and without a folder of results."""
    try:
        words = shlex.split(command.format(runs=args.runs, data=os.environ.get("MTZOO_DATA", "data")))
    except (KeyError, IndexError, ValueError) as error:
        raise UserError(f"{args.trainings}: '{command}' cannot be filled in ({error!r}); write {{runs}} and {{data}} only") from error
    if not set(FOLDERS) & set(words[:-1]):
        raise UserError(f"{args.trainings}: '{command}' names no folder for its results; add --out DIR")
    return words


def read_trainings(args: argparse.Namespace) -> list[Training]:
    values = parse_yaml(args.trainings.read_text(), args.trainings)
    rows = list(values.values()) if isinstance(values, dict) else [None]
    if not all(isinstance(row, list) and all(isinstance(command, str) for command in row) for row in rows):
        raise UserError(f"{args.trainings}: a table of names and lists of commands is wanted")
    if unknown := sorted(set(args.only) - set(values)):
        raise UserError(f"--only {unknown[0]}: not in {args.trainings}, which has {', '.join(values)}")
    return [Training(name, row, args) for name, row in values.items() if not args.only or name in args.only]


@one_line_errors
def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=Path, required=True, help="folder of the runs; what is in it is gone on with")
    parser.add_argument("--out", type=Path, required=True, help="folder of the packed results")
    parser.add_argument("--ctx", default="0", help="cpu or 0 (0)")
    parser.add_argument("--minutes", type=float, default=10.0, help="for the trainings; packing comes on top (10)")
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME", help="of --trainings")
    parser.add_argument("--trainings", type=Path, default=TRAININGS, metavar="FILE", help="names -> commands")
    parser.add_argument("--workers", type=int, default=1, help="processes that read images, of each training (1)")
    parser.add_argument("--cfg-options", nargs="+", default=[], metavar="KEY=VALUE", help="for every command")
    parser.add_argument("--max-mb", type=float, default=15.0, help="of one packed file (15)")
    parser.add_argument("--dry-run", action="store_true", help="print the commands that are left and do nothing")
    args = parser.parse_args(argv)
    trainings = read_trainings(args)
    if args.dry_run:
        for training in trainings:
            left = training.commands[training.done:]
            print(f"# {training.name}" + (" is through" if not left else ""))
            for command in left:
                print(shlex.join(training.command(command)))
        return 0
    args.runs.mkdir(parents=True, exist_ok=True)
    train_all(trainings, 60 * args.minutes)
    for line in pack(args.runs, args.out, args.max_mb):
        print(line)
    return 1 if any(training.failed for training in trainings) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
