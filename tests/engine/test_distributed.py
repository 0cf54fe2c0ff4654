import signal

import pytest
import torch.distributed as dist

from mtzoo.engine import distributed
from mtzoo.engine.distributed import local_rank, on_main, share_of_batch
from mtzoo.errors import UserError
from mtzoo.signals import Interrupted


def fail(error):
    raise error


@pytest.fixture
def statuses(monkeypatch):
    """What the first process of two tells the other."""
    told = []
    monkeypatch.setattr(dist, "is_initialized", lambda: True)
    monkeypatch.setattr(distributed, "largest", lambda number: told.append(number) or 0)
    return told


@pytest.mark.parametrize(("error", "status"), [(UserError("x"), 2), (Interrupted(signal.SIGTERM), 143),
                                               (Interrupted(signal.SIGINT), 130), (KeyError("a bug"), 1)])
def test_the_first_process_tells_the_others_how_its_work_has_ended(statuses, error, status):
    assert on_main(lambda: 5) == 5
    with pytest.raises(type(error)):
        on_main(lambda: fail(error))
    assert statuses == [0, status]


def test_an_error_is_told_even_if_the_others_are_gone(statuses, monkeypatch):
    monkeypatch.setattr(distributed, "largest", lambda number: fail(RuntimeError("Connection closed by peer")))
    with pytest.raises(UserError, match="a full disk"):
        on_main(lambda: fail(UserError("a full disk")))


def test_the_others_wait_and_end_like_the_first(statuses, monkeypatch):
    monkeypatch.setenv("RANK", "1")
    assert on_main(lambda: fail(AssertionError)) is None
    monkeypatch.setattr(distributed, "largest", lambda number: 143)
    with pytest.raises(SystemExit) as caught:
        on_main(lambda: fail(AssertionError))
    assert caught.value.code == 143


@pytest.mark.parametrize(("batch_size", "processes", "now", "share"), [(8, 1, 1, 8), (8, 1, 2, 4), (4, 2, 1, 8), (3, 4, 6, 2)])
def test_other_processes_share_the_same_batch(monkeypatch, batch_size, processes, now, share):
    monkeypatch.setenv("WORLD_SIZE", str(now))
    assert share_of_batch(batch_size, processes) == share


def test_a_batch_that_cannot_be_shared_is_told(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "4")
    with pytest.raises(UserError, match="4 processes cannot share the batches of 6 images .*; start one of 1, 2, 3, 6$"):
        share_of_batch(3, 2)


def test_processes_of_a_second_machine_count_from_0(monkeypatch):
    monkeypatch.setenv("RANK", "5")
    assert local_rank() == 5  # started by something that gives no local rank
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert local_rank() == 1
