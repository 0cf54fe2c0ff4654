import io
from pathlib import Path

import pytest
import torch

from mtzoo.console import PlainConsole
from mtzoo.engine import progress as module
from mtzoo.engine.progress import Progress
from mtzoo.engine.scalar_log import ScalarLog
from mtzoo.engine.step_losses import StepLosses
from mtzoo.errors import UserError


def progress(tmp_path, start=0, per_epoch=0):
    console = PlainConsole(file=io.StringIO(), width=200)
    return Progress("with-bn", 5, 2, [ScalarLog(tmp_path / "tensorboard" / "with-bn", console)], console, start, per_epoch)


def add(shown, iteration, losses, **more):
    shown.add(iteration, StepLosses([{name: torch.tensor(value) for name, value in losses.items()}]), Path(f"{iteration}.png"), **more)


def test_points_are_means_since_the_last_and_the_end_is_one(tmp_path):
    shown = progress(tmp_path)
    for i in range(1, 6):
        add(shown, i, {"loss": float(i)} | ({"det.loss_box": 10.0 * i} if i % 2 else {}), images=4, waited=0.0, lr=0.1)
    assert shown.curve == [(2, {"loss": 1.5, "det.loss_box": 10.0}), (4, {"loss": 3.5, "det.loss_box": 30.0}),
                           (5, {"loss": 5.0, "det.loss_box": 50.0})]
    lines = shown.console.file.getvalue().splitlines()
    assert [line.split()[1] for line in lines] == ["2/5", "4/5", "5/5"]
    assert all(word in lines[0] for word in ("loss 1.5000", "images/s", "data wait", "ETA"))
    shown.close()
    assert list((tmp_path / "tensorboard" / "with-bn").iterdir())


def test_an_interrupted_curve_goes_on(tmp_path):
    whole, first = progress(tmp_path / "a"), progress(tmp_path / "b")
    for i in range(1, 6):
        add(whole, i, {"loss": float(i)}, images=1, waited=0.5, lr=0.1)
    for i in range(1, 4):
        add(first, i, {"loss": float(i)}, images=1, waited=0.5, lr=0.1)
    second = progress(tmp_path / "c", start=3)
    second.load_state(first.state())
    for i in range(4, 6):
        add(second, i, {"loss": float(i)}, images=1, waited=0.5, lr=0.1)
    assert second.curve == whole.curve
    assert second.total_waited == whole.total_waited
    assert second.close()[0] >= second.earlier > 0


class Clock:
    """What time.perf_counter() says: only `tick` makes it go on."""

    def __init__(self):
        self.now = 100.0

    def perf_counter(self):
        return self.now

    def tick(self, seconds):
        self.now += seconds


def test_data_wait_is_the_share_of_each_line_and_of_each_epoch(tmp_path, monkeypatch):
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    shown = progress(tmp_path, per_epoch=3)
    for i, (waited, computed) in enumerate([(1.0, 1.0), (0.0, 2.0), (3.0, 1.0), (0.0, 2.0), (0.0, 5.0)], start=1):
        clock.tick(waited + computed)
        add(shown, i, {"loss": 1.0}, images=4, waited=waited, lr=0.1)
    lines = shown.console.file.getvalue().splitlines()
    assert [line.split("data wait ")[1].split()[0] for line in lines] == ["25%", "50.0%", "50%", "0%"]
    assert lines[1] == "with-bn epoch 1 in 0:08, data wait 50.0%"
    assert shown.close() == (15.0, 4 / 15)


def test_an_epoch_cut_in_two_tells_what_is_left_of_it(tmp_path, monkeypatch):
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    shown = progress(tmp_path, start=2, per_epoch=4)
    for i in (3, 4):
        clock.tick(2.0)
        add(shown, i, {"loss": 1.0}, images=4, waited=0.5, lr=0.1)
    assert shown.console.file.getvalue().splitlines()[-1] == "with-bn epoch 1 in 0:04, data wait 25.0%"


def test_losses_are_read_once_for_a_line_and_before_a_checkpoint(tmp_path, monkeypatch):
    """And before too many wait."""
    read, counts = module.read_losses, []
    monkeypatch.setattr(module, "read_losses", lambda steps: counts.append(len(steps)) or read(steps))
    monkeypatch.setattr(module, "MOST_UNREAD", 3)
    shown = Progress("with-bn", 20, 8, [], PlainConsole(file=io.StringIO(), width=200))
    for i in range(1, 11):
        add(shown, i, {"loss": float(i)}, images=4, waited=0.0, lr=0.1)
    assert counts == [3, 3, 2]
    assert shown.curve == [(8, {"loss": 4.5})]
    assert shown.state()["sums"] == {"loss": (19.0, 2)}
    assert counts == [3, 3, 2, 2]


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_the_iteration_whose_loss_is_no_number_is_named_with_its_image_and_rate(tmp_path, value):
    shown = progress(tmp_path)
    add(shown, 1, {"loss": value, "det.loss_box": 1.0}, images=4, waited=0.0, lr=0.25)
    with pytest.raises(UserError, match=rf"with-bn, iteration 1: the loss is {value}; lower the learning rate \(2\.50e-01\).*1\.png"):
        add(shown, 2, {"loss": 2.0}, images=4, waited=0.0, lr=0.5)
    assert shown.curve == []
