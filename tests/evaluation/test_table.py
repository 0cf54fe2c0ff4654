import io

from mtzoo.console import PlainConsole
from mtzoo.evaluation.table import format_table, side_by_side, summary_line


def test_rows_hold_the_values_of_their_task_and_class():
    metrics = {"det/AP": 41.234, "det/AP50": 60.0, "det/AP/car": 41.234, "det/AP50/car": 60.0, "det/AP/sign": float("nan"),
               "det/AP50/sign": float("nan"), "seg/mIoU": 55.5, "seg/pixel_accuracy": 91.0, "seg/IoU/road": 55.5,
               "seg/night/mIoU": 12.25}
    console = PlainConsole(width=120, file=io.StringIO())
    console.print(format_table(metrics))
    lines = [line.replace("│", " ").split() for line in console.file.getvalue().splitlines()]
    assert ["det", "all", "41.23", "60.00"] in lines
    assert ["car", "41.23", "60.00"] in lines
    assert ["sign", "no", "ground", "truth", "no", "ground", "truth"] in lines
    assert ["seg", "all", "55.50", "91.00"] in lines
    assert ["road", "55.50"] in lines
    assert ["seg/night", "all", "12.25"] in lines


def test_forms_stand_side_by_side_and_classes_are_left_out():
    forms = {"fake-quant": {"det/AP50": 60.0, "det/AP50/car": 1.0, "seg/night/mIoU": float("nan")},
             "integers": {"det/AP50": 58.5, "det/AP50/car": 2.0, "seg/night/mIoU": float("nan")}}
    console = PlainConsole(width=120, file=io.StringIO())
    console.print(side_by_side(forms))
    lines = [line.replace("│", " ").split() for line in console.file.getvalue().splitlines()]
    assert ["det", "AP50", "60.00", "58.50", "-1.50"] in lines
    assert ["seg/night", "mIoU", *["no", "ground", "truth"] * 2] in lines
    assert not any("car" in line for line in lines)


def test_a_line_has_the_main_metric_of_each_task():
    metrics = {"det/AP": 41.234, "det/AP50": 60.0, "det/AP50/car": 61.0, "det/day/AP50": 62.0, "seg/mIoU": float("nan"),
               "seg/pixel_accuracy": 91.0, "seg/IoU/road": 55.5}
    assert summary_line(metrics) == "det AP50 60.00, seg mIoU no ground truth, in percent"
