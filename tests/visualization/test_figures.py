import cv2
import numpy as np
import pytest

from mtzoo.visualization.figures import confusion_figure, curves_figure, figure_bytes

STEPS = np.linspace(0, 1, 101)


def svg(figure):
    return figure_bytes(figure, "svg").decode()


def test_a_confusion_matrix_says_percent_of_each_row():
    figure = confusion_figure("seg", np.array([[30, 10, 0], [0, 0, 0], [0, 7, 0]]), ["road", "sky", "pole"])
    assert [text.get_text() for text in figure.axes[0].texts] == ["75", "25", "0", "0", "100", "0"]  # nothing of a class without pixels
    text = svg(figure)
    assert all(f">{name}</text>" in text for name in ("road", "sky", "pole", "predicted", "labelled"))
    assert text == svg(confusion_figure("seg", np.array([[30, 10, 0], [0, 0, 0], [0, 7, 0]]), ["road", "sky", "pole"]))


@pytest.mark.parametrize("count", [2, 100])
def test_many_classes_make_no_larger_picture_than_a_screen(count):
    picture = cv2.imdecode(np.frombuffer(figure_bytes(confusion_figure("seg", np.eye(count), ["c"] * count), "png"), np.uint8), 1)
    assert picture.shape[0] < 2000
    blue = (picture[..., 0] > 90) & (picture[..., 2] < 30)
    assert blue.sum() > 500  # the diagonal


@pytest.mark.parametrize("count", [1, 3, 12])
def test_curves_of_each_class_and_their_mean(count):
    curves = {f"class {i}": np.full(101, 0.1 * (i % 9)) for i in range(count)}
    figure = curves_figure("det", curves, curves, STEPS)
    left, right = figure.axes
    assert len(left.lines) == len(right.lines) == count + (count > 1)
    names = [text.get_text() for text in left.get_legend().get_texts()]
    assert names == {1: ["class 0  0.0"], 3: ["class 0  0.0", "class 1  10.0", "class 2  20.0", "mean  10.0"],
                     12: ["mean  32.5"]}[count]
    assert right.get_legend().get_texts()[-1].get_text().startswith("mean" if count > 1 else "class 0  0.00 at")


def test_names_are_shown_as_they_are():
    """No mathematics, no markup, no control characters, no complaint about letters that a font has not."""
    names = ["a$_b$", "<b>&", "\x1b[31m", "行人", "x" * 99]
    for text in (svg(confusion_figure("$x$", np.ones((5, 5)), names)),
                 svg(curves_figure("t", dict.fromkeys(names, STEPS), dict.fromkeys(names, STEPS), STEPS))):
        for shown in ("a$_b$", "&lt;b&gt;&amp;", "\\x1b[31m", "行人", f"{'x' * 23}…"):
            assert shown in text
