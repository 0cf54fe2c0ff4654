import json
import math
import re
from html.parser import HTMLParser

import numpy as np
import pytest

from mtzoo.errors import UserError
from mtzoo.visualization.report import (
    Chart,
    Mistakes,
    NodeShare,
    Picture,
    Report,
    StepReport,
    VerifyCounts,
    write_report,
)


class Balanced(HTMLParser):
    """Fails on a tag that is closed without being open."""

    def __init__(self):
        super().__init__()
        self.open = []

    def handle_starttag(self, tag, attrs):
        if tag not in {"meta", "img", "input"}:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.fixture
def report():
    picture = Picture.from_image("a <b>.jpg", np.zeros((90, 1600, 3), np.uint8))
    steps = [StepReport(name, {"seg/mIoU": 60.0 - i, "seg/IoU/road": 90.0, "det/AP50": math.nan},
                        [(10, {"seg.loss_ce": 2.0}), (20, {"seg.loss_ce": 1.0, "seg.loss_dice": 0.5})], 3.0, (picture,),
                        [(10, {"seg/mIoU": 40.0, "seg/IoU/road": 80.0, "det/AP50": math.nan}), (20, {"seg/mIoU": 50.0})])
             for i, name in enumerate(("with-bn", "int-inference"))]
    worst = Picture.from_image("<w>.jpg: mean IoU 3 %", np.zeros((9, 9, 3), np.uint8))
    return Report("4pe_resize/multitask", "mtzoo quant-train --config x", steps, (NodeShare("backbone", 750, 1210, ("seg", "det")),),
                  {"openvino int8": 18.0, "openvino fp32": 60.0}, {"int8.onnx": 1_300_000},
                  VerifyCounts(3, 1000, {"integer": 0, "onnxruntime": 2, "openvino": 0}), {"threads": "2"}, ("5 < 6",),
                  (Mistakes("seg", Chart("seg: chart", b"<svg/>"), (worst,), {"confusion": [[1, 2], [3, 4]]}),
                   Mistakes("det", None, (), {})))


def test_json_has_the_promised_keys(report, tmp_path):
    _, path = write_report(report, tmp_path / "new")
    data = json.loads(path.read_text(), parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    assert [s["name"] for s in data["steps"]] == ["with-bn", "int-inference"]
    assert data["steps"][0]["metrics"] == {"seg/mIoU": 60.0, "seg/IoU/road": 90.0, "det/AP50": None}
    assert data["steps"][0]["loss_curve"][1] == [20, {"seg.loss_ce": 1.0, "seg.loss_dice": 0.5}]
    assert data["verify"] == {"images": 3, "values": 1000, "mismatches": {"integer": 0, "onnxruntime": 2, "openvino": 0}}
    assert data["latency_ms"]["openvino int8"] == 18.0
    assert data["mistakes"] == {"seg": {"confusion": [[1, 2], [3, 4]], "worst": ["<w>.jpg: mean IoU 3 %"]}, "det": {"worst": []}}
    assert data["bytes"] == {"int8.onnx": 1_300_000}


def test_html_is_one_balanced_page_that_needs_nothing_else(report, tmp_path):
    html = write_report(report, tmp_path)[0].read_text()
    parser = Balanced()
    parser.feed(html)
    assert not parser.open
    assert not re.findall(r'(?:src|href)="(?!data:)|url\(|@import|<script|http', html)
    assert html.count("data:image/jpeg;base64,") == 3
    assert html.count("data:image/svg+xml;base64,") == 8
    assert "&lt;w&gt;.jpg: mean IoU 3 %" in html
    for text in ("Validation during training", "a &lt;b&gt;.jpg", "5 &lt; 6", "seg/mIoU", "int-inference", "3.3x", "1.300 MB", "-1.00"):
        assert text in html


NAMES = {"[/b]x": "[/b]x", "car [big]": "car [big]", "a<b": "a&lt;b", "\x1b[31m": "\\x1b[31m", "nul\0": "nul\\x00",
         "a\nb": "a\\nb", "\u202etxt": "\\u202etxt", "caf\udce9": "caf\\udce9", "\ufffe": "\\ufffe"}


@pytest.mark.parametrize(("name", "shown"), NAMES.items())
def test_a_name_stands_in_the_page_as_it_is(name, shown, tmp_path):
    picture = Picture.from_image(name, np.zeros((9, 16, 3), np.uint8))
    curve = [(10, {name: 2.0}), (20, {name: 1.0})]
    steps = [StepReport("with-bn", {f"{name}/AP50": 60.0, f"{name}/AP50/{name}": 90.0}, curve, 3.0, (picture,))]
    report = Report(name, f"mtzoo train {name}", steps, (NodeShare(name, 750, 1210, (name,)),), {name: 18.0}, {name: 1},
                    None, {name: name}, (name,))
    page = write_report(report, tmp_path)[0].read_bytes().decode()
    assert page.count(shown) >= 12
    if name != shown:
        assert name not in page
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", page)
    parser = Balanced()
    parser.feed(page)
    assert not parser.open


def test_figures_never_measured_leave_no_section_and_null_counts(tmp_path):
    html, data = write_report(Report("c", "cmd", [StepReport("with-bn")]), tmp_path)
    assert "<section>" not in html.read_text()
    assert json.loads(data.read_text())["verify"]["mismatches"] == {"integer": None, "onnxruntime": None, "openvino": None}


def test_pictures_are_shrunk():
    assert len(Picture.from_image("a", np.zeros((90, 1600, 3), np.uint8)).jpeg) < 5000


def test_counts_have_to_be_complete():
    with pytest.raises(ValueError, match="lack integer, openvino"):
        VerifyCounts(1, 1, {"onnxruntime": 0})


def test_a_folder_that_cannot_be_written_is_the_users_to_mend(report, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="report.json: cannot be written"):
        write_report(report, tmp_path / "file")
