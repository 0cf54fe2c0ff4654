import cv2
import numpy as np
import onnx
import onnxruntime
import pytest

from mtzoo.cli.main import main
from mtzoo.cli.verify import print_report
from mtzoo.deploy.file import METADATA_KEY
from mtzoo.errors import UserError
from mtzoo.runtime import executors
from mtzoo.runtime.every_executor import PROVIDERS, build_all, every_executor
from mtzoo.runtime.tally import compare_detections
from mtzoo.runtime.verify import verify
from mtzoo.structures import Detections
from tests.deploy.helpers import export
from tests.runtime.test_model import photo


@pytest.mark.slow
def test_all_executors_agree(model_path):
    done = []
    report = verify(model_path, [photo(seed=1), photo((90, 200), seed=2)], on_image=done.append)
    assert report.passed
    assert report.mismatches == {"integer": 0, "onnxruntime": 0, "openvino": 0}
    assert (report.images, done) == (2, [1, 2])
    tally = report.executors["openvino"]
    assert tally.values["seg.logits"] == 2 * 3 * 16 * 24
    assert tally.values["seg.labels"] == 2 * 32 * 48
    assert tally.values["det.boxes"] > 0
    assert tally.box_error <= 1e-3
    assert report.values == sum(tally.values.values())
    assert "det.boxes" not in report.executors["integer"].values


@pytest.mark.slow
def test_all_executors_agree_on_real_images(model_path, shared_data):
    files = sorted((shared_data / "camvid" / "val" / "images").glob("*.jpg"))[::50] + sorted(
        (shared_data / "roadsigns" / "val" / "images").glob("*.jpg"))[:1]
    report = verify(model_path, [cv2.imread(str(path)) for path in files])
    assert report.images == len(files) > 1
    assert report.passed


@pytest.mark.slow
def test_raw_exports_are_verified_too(frozen, tmp_path):
    export(frozen, tmp_path / "raw.onnx", 2, postprocess=False)
    report = verify(tmp_path / "raw.onnx", [photo()])
    assert report.passed
    raw = {"seg.logits", *(f"det.{kind}_s{stride}" for kind in ("cls", "box") for stride in (8, 16, 32))}
    assert set(report.executors["onnxruntime"].values) == raw


@pytest.mark.slow
def test_a_graph_that_computes_something_else_is_caught(model_path, tmp_path, capsys):
    """The same integers, an image that is centred elsewhere."""
    model = onnx.load(model_path)
    zero = next(t for t in model.graph.initializer if t.name == "const.uint8..128")
    zero.raw_data = bytes([127])
    onnx.save(model, tmp_path / "bad.onnx")
    with pytest.raises(UserError, match="not those that were exported"):
        verify(str(tmp_path / "bad.onnx"), [photo()])
    onnx.helper.set_model_props(model, {p.key: p.value for p in model.metadata_props if p.key == METADATA_KEY})  # as of old
    onnx.save(model, tmp_path / "bad.onnx")
    images = tmp_path / "images"
    images.mkdir()
    cv2.imwrite(str(images / "a.png"), photo())
    assert main(["verify", str(tmp_path / "bad.onnx"), "--images", str(images)]) == 1
    said = capsys.readouterr().out
    assert "NOT equal" in said
    assert "cannot be proven" in said


def test_no_images(model_path, tmp_path, capsys):
    with pytest.raises(UserError, match="no image to verify"):
        verify(model_path, [])
    assert main(["verify", str(model_path), "--images", str(tmp_path)]) == 2
    assert main(["verify", str(model_path), "--images", str(tmp_path / "none")]) == 2
    assert "none: no such file or folder; check the path" in capsys.readouterr().err


def test_rows_are_compared_one_by_one():
    boxes = np.array([[0, 0, 9, 9], [1, 1, 5, 5]], np.float32)
    wanted = Detections(boxes, np.array([0.9, 0.8], np.float32), np.array([0, 1]))
    assert compare_detections(wanted, wanted) == (2, 0, 0.0)
    moved = wanted._replace(boxes=boxes + np.float32(0.01))
    size, differing, error = compare_detections(wanted, moved)
    assert (size, differing) == (2, 2)
    assert error == pytest.approx(0.01, abs=1e-5)
    assert compare_detections(wanted, wanted._replace(labels=np.array([0, 0])))[:2] == (2, 1)
    assert compare_detections(wanted, Detections(*(part[:1] for part in wanted)))[:2] == (2, 1)
    assert compare_detections(wanted, Detections(*(part[:0] for part in wanted)))[:2] == (2, 2)


@pytest.mark.slow
def test_every_executor(model_path, tmp_path, capsys, monkeypatch):
    """What cannot run the file is named with what it says; what runs it is counted with its version."""
    monkeypatch.setattr(executors, "saturates", lambda _: False)  # its own settings are the file as it is, also on such a CPU
    cv2.imwrite(str(tmp_path / "a.png"), photo())
    report = verify(model_path, [photo()], every=True)
    levels = [f"onnxruntime {level}" for level in ("off", "basic", "extended", "all")]
    everywhere = [name for name in report.executors if name not in {"opencv", *PROVIDERS}]
    assert everywhere == ["integer", *levels, "openvino f32", "openvino default"]
    assert {"litert", "ncnn", "mnn"} <= set(report.refused)
    assert set(PROVIDERS) <= {*report.executors, *report.refused}
    for name in ("onnxruntime off", *(["opencv"] if "opencv" in report.executors else [])):
        assert report.mismatches[name] == 0
        assert report.executors[name].values == report.executors["onnxruntime all"].values
    print_report(report, every=True)
    said = capsys.readouterr().out
    assert onnxruntime.__version__ in said
    assert "litert cannot run the file: it reads .tflite files" in said


def test_one_that_cannot_run_the_file_is_no_reason_to_stop(model_path):
    """It may load the file and refuse to run it."""
    class Refuses:
        output_names, float_layers = (), 0

        def run(self, feeds):
            raise UserError("no such operator")

    def cannot_load(model, threads):
        raise UserError("cannot load")

    builders = {"one": lambda model, threads: Refuses(), "two": cannot_load}
    assert build_all(builders, onnx.load(model_path), 1, {}) == ({}, {"one": "no such operator", "two": "cannot load"})


@pytest.mark.parametrize("name", PROVIDERS)
def test_a_gpu_that_is_not_there_is_told(name, model_path, monkeypatch):
    """A wheel without the provider, and one whose provider does not start: ONNX Runtime itself goes on with the CPU."""
    model = onnx.load(model_path)
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CPUExecutionProvider"])
    with pytest.raises(UserError, match=rf"the installed ONNX Runtime has no {PROVIDERS[name]}; onnxruntime-gpu has one"):
        every_executor()[name](model, 1)

    class OnTheCpu:
        def __init__(self, content, options, providers, **_):
            assert providers == [PROVIDERS[name], "CPUExecutionProvider"]

        def get_providers(self):
            return ["CPUExecutionProvider"]

    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: [PROVIDERS[name], "CPUExecutionProvider"])
    monkeypatch.setattr(onnxruntime, "InferenceSession", OnTheCpu)
    with pytest.raises(UserError, match=f"ONNX Runtime cannot start {PROVIDERS[name]}"):
        every_executor()[name](model, 1)
