"""Curves for TensorBoard. Training outlives this log: a disk that is full or gone costs the curves there, nothing else."""

import os
import socket
import time
from pathlib import Path
from typing import BinaryIO

from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.record_writer import RecordWriter

from mtzoo.console import PlainConsole


class ScalarLog:
    """An event file in `folder`, made with the first value. What cannot be written is told once, on `console`, then left out.

    Written at once and in this thread: torch's SummaryWriter flushes in one of its own, whose errors end the training minutes later.
    """

    def __init__(self, folder: Path, console: PlainConsole) -> None:
        self.folder, self.console = folder, console
        self.file: BinaryIO | None = None
        self.failed = False

    def add(self, values: dict[str, float], iteration: int) -> None:
        """Name -> value at an iteration."""
        if self.failed:
            return
        summary = Summary(value=[Summary.Value(tag=name, simple_value=value) for name, value in values.items()])
        try:
            if self.file is None:
                self._open()
            self._write(Event(wall_time=time.time(), step=iteration, summary=summary))
        except OSError as error:
            self.failed = True
            self.console.print(f"note: {self.folder}: no more curves for TensorBoard ({error.strerror}); the training goes on")

    def close(self) -> None:
        if self.file is not None:
            self.file.close()
            self.file, self.failed = None, True

    def _open(self) -> None:
        # Not with its parents: a work dir that somebody has deleted is not to come back half.
        self.folder.parent.mkdir(exist_ok=True)
        self.folder.mkdir(exist_ok=True)
        name = f"events.out.tfevents.{int(time.time()):010d}.{socket.gethostname()}.{os.getpid()}.{time.monotonic_ns()}"
        self.file = (self.folder / name).open("xb", buffering=0)
        self._write(Event(wall_time=time.time(), file_version="brain.Event:2"))

    def _write(self, event: Event) -> None:
        RecordWriter(self.file).write(event.SerializeToString())
