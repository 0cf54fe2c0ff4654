import io

import pytest
from rich.console import Console

from mtzoo.engine.progress import Progress, format_seconds


@pytest.mark.parametrize(("seconds", "text"), [(0, "0:00"), (59.6, "1:00"), (75, "1:15"), (3700, "1:01:40"), (90000, "25:00:00")])
def test_seconds_as_a_clock(seconds, text):
    assert format_seconds(seconds) == text


def progress(tmp_path, start=0):
    return Progress("with-bn", 5, 2, tmp_path / "tensorboard", Console(file=io.StringIO(), width=200), start)


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
