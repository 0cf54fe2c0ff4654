import io

import pytest

from mtzoo.console import PlainConsole
from mtzoo.engine import progress as module
from mtzoo.engine.progress import Progress, format_seconds
from mtzoo.engine.scalar_log import ScalarLog


@pytest.mark.parametrize(("seconds", "text"), [(0, "0:00"), (59.6, "1:00"), (75, "1:15"), (3700, "1:01:40"), (90000, "25:00:00")])
def test_seconds_as_a_clock(seconds, text):
    assert format_seconds(seconds) == text


def progress(tmp_path, start=0, per_epoch=0):
    console = PlainConsole(file=io.StringIO(), width=200)
    return Progress("with-bn", 5, 2, [ScalarLog(tmp_path / "tensorboard" / "with-bn", console)], console, start, per_epoch)


def test_points_are_means_since_the_last_and_the_end_is_one(tmp_path):
    shown = progress(tmp_path)
    for i in range(1, 6):
        shown.add(i, {"loss": float(i)} | ({"det.loss_box": 10.0 * i} if i % 2 else {}), images=4, waited=0.0, lr=0.1)
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
        whole.add(i, {"loss": float(i)}, images=1, waited=0.5, lr=0.1)
    for i in range(1, 4):
        first.add(i, {"loss": float(i)}, images=1, waited=0.5, lr=0.1)
    second = progress(tmp_path / "c", start=3)
    second.load_state(first.state())
    for i in range(4, 6):
        second.add(i, {"loss": float(i)}, images=1, waited=0.5, lr=0.1)
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
        shown.add(i, {"loss": 1.0}, images=4, waited=waited, lr=0.1)
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
        shown.add(i, {"loss": 1.0}, images=4, waited=0.5, lr=0.1)
    assert shown.console.file.getvalue().splitlines()[-1] == "with-bn epoch 1 in 0:04, data wait 25.0%"
