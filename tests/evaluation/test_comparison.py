import io
import json
import math
from dataclasses import replace

from mtzoo.console import PlainConsole
from mtzoo.evaluation.comparison import Variant, comparison_table, comparison_values, failing_tasks, task_drops

KINDS = {"seg": "segmentation", "det": "detection"}
BASE = Variant("float", {"seg/mIoU": 60.0, "det/AP50": 40.0, "det/AP": 20.0}, 4000, 990, 7_000_000, 20.0)
RESULT = Variant("integers", {"seg/mIoU": 59.25, "det/AP50": 41.0, "det/AP": 21.0}, 1000, 990, 3_500_000, 5.0, (0, 1234))


def text(base, result):
    out = io.StringIO()
    PlainConsole(file=out, width=120).print(comparison_table(base, result, KINDS, "title"))
    return out.getvalue()


def test_drops_are_of_the_main_metric_and_a_gain_is_negative():
    assert task_drops(BASE.metrics, RESULT.metrics, KINDS) == {"seg": 0.75, "det": -1.0}
    assert failing_tasks(BASE.metrics, RESULT.metrics, KINDS, 0.5) == {"seg": 0.75}
    assert failing_tasks(BASE.metrics, RESULT.metrics, KINDS, 0.75) == {}


def test_a_row_says_base_result_and_change():
    rows = text(BASE, RESULT).splitlines()
    assert any(all(part in row for part in ("seg mIoU, %", "60.00", "59.25", "-0.75")) for row in rows)
    assert any(all(part in row for part in ("det AP50, %", "40.00", "41.00", "+1.00")) for row in rows)
    assert any(all(part in row for part in ("bytes", "4,000", "1,000", "4.00 x smaller")) for row in rows)
    assert any(all(part in row for part in ("latency", "20.0", "5.0", "4.00 x as fast")) for row in rows)
    assert any(all(part in row for part in ("MACs, million", "7", "4", "-50.0 %")) for row in rows)
    assert any("0 of 1,234" in row for row in rows)
    assert "-0.00" not in text(BASE, replace(RESULT, metrics={**BASE.metrics, "seg/mIoU": 59.999}))


def test_what_was_not_measured_or_not_promised_says_so():
    mixed = Variant("mixed", {**RESULT.metrics, "seg/mIoU": math.nan}, 1000, 990, 7_000_000)
    plain = text(replace(BASE, latency_ms=None), mixed)
    assert "not promised" in plain
    assert "no ground truth" in plain
    assert "as fast" not in plain
    assert failing_tasks(BASE.metrics, {**RESULT.metrics, "seg/mIoU": math.nan}, KINDS, 0.5) == {}


def test_json_holds_all_metrics():
    values = json.loads(json.dumps(comparison_values(BASE, RESULT, KINDS)))
    assert values["result"]["metrics"]["det/AP"] == 21.0
    assert values["drops"]["seg"] == 0.75
