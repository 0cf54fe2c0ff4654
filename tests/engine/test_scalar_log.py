import errno
import io

import pytest
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

from mtzoo.console import PlainConsole
from mtzoo.engine import scalar_log
from mtzoo.engine.scalar_log import ScalarLog


@pytest.fixture
def console():
    return PlainConsole(file=io.StringIO(), width=300)


def test_values_are_read_back_by_tensorboard(tmp_path, console):
    log = ScalarLog(tmp_path / "tensorboard" / "with-bn", console)
    log.add({"loss/loss": 0.5, "lr": 0.25}, 10)
    log.add({"loss/loss": 0.125}, 20)  # at once, nothing is closed yet
    file, = (tmp_path / "tensorboard" / "with-bn").iterdir()
    events = list(EventFileLoader(str(file)).Load())
    assert events[0].file_version == "brain.Event:2"
    assert [(e.step, {v.tag: v.tensor.float_val[0] for v in e.summary.value}) for e in events[1:]] \
        == [(10, {"loss/loss": 0.5, "lr": 0.25}), (20, {"loss/loss": 0.125})]
    log.close()
    assert console.file.getvalue() == ""


def test_a_full_disk_is_told_once_and_ends_nothing(tmp_path, console, monkeypatch):
    log = ScalarLog(tmp_path / "tensorboard" / "with-bn[red]", console)
    log.add({"lr": 0.1}, 1)

    class Full:
        def __init__(self, file):
            pass

        def write(self, data):
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(scalar_log, "RecordWriter", Full)
    for i in range(2, 5):
        log.add({"lr": 0.1}, i)
    log.close()
    lines = console.file.getvalue().splitlines()
    assert len(lines) == 1
    assert "with-bn[red]: no more curves for TensorBoard (No space left on device); the training goes on" in lines[0]


def test_a_folder_that_cannot_be_made_ends_nothing(tmp_path, console):
    (tmp_path / "taken").write_text("")
    for folder in (tmp_path / "taken" / "with-bn", tmp_path / "gone" / "tensorboard" / "with-bn"):
        log = ScalarLog(folder, console)
        log.add({"lr": 0.1}, 1)
        log.close()
    assert not (tmp_path / "gone").exists()  # a deleted work dir does not come back half
    assert len(console.file.getvalue().splitlines()) == 2


def test_a_name_that_is_no_text_is_no_hindrance(tmp_path, console):
    """Bytes that the locale cannot read, as under LC_ALL=C."""
    folder = tmp_path / b"w\xc3\xa4".decode("ascii", "surrogateescape") / "with-bn"
    log = ScalarLog(folder, console)
    (tmp_path / "w\udcc3\udca4").mkdir()
    log.add({"lr": 0.1}, 1)
    log.close()
    assert len(list(folder.iterdir())) == 1
