import json

import pytest

from mtzoo.cli.main import main
from mtzoo.deploy.file import read_deploy_file
from mtzoo.errors import UserError
from mtzoo.runtime.bench import bench, compare_latency
from tests.deploy.helpers import export, float_net

VARIANTS = {"torch fp32", "onnxruntime fp32", "openvino fp32", "openvino bf16", "openvino int8"}


@pytest.mark.slow
def test_all_variants_are_measured(model_path, tmp_path, capsys):
    assert main(["bench", str(model_path), "--threads", "1", "--runs", "2", "--json", str(tmp_path / "bench.json")]) == 0
    report = json.loads((tmp_path / "bench.json").read_text())
    assert set(report["latency_ms"]) == VARIANTS
    assert all(report["latency_ms"][name] >= report["latency_min_ms"][name] > 0 for name in VARIANTS)
    assert report["bytes"]["int8"] == model_path.stat().st_size < report["bytes"]["fp32"]
    assert "times as fast as the faster fp32 runtime" in " ".join(capsys.readouterr().out.split())


@pytest.mark.slow
def test_a_base_is_measured_in_the_same_rounds(model_path, tmp_path, capsys):
    assert main(["bench", str(model_path), "--base", str(model_path), "--threads", "1", "--runs", "2",
                 "--json", str(tmp_path / "bench.json")]) == 0
    report = json.loads((tmp_path / "bench.json").read_text())
    assert set(report["base"]["latency_ms"]) == set(report["latency_ms"]) == VARIANTS
    assert report["base"]["bytes"] == report["bytes"]
    printed = capsys.readouterr().out
    assert printed.count(" x │") == 2 * len(VARIANTS)
    assert "1.00 times as large" in printed


def test_a_base_that_is_missing_is_one_line(model_path, tmp_path, capsys):
    assert main(["bench", str(model_path), "--base", str(tmp_path / "none.onnx")]) == 2
    error = capsys.readouterr().err.strip()
    assert "none.onnx" in error
    assert "\n" not in error


def test_numbers_below_one(model_path):
    with pytest.raises(UserError, match="runs=0"):
        bench(model_path, 1, 0)


@pytest.mark.slow
def test_two_models_side_by_side(model_path):
    file = read_deploy_file(model_path)
    times = compare_latency({"base": file.model, "result": file.model}, file.info, threads=1, runs=2)
    assert set(times) == {"base", "result"}
    assert all(t > 0 for t in times.values())


@pytest.mark.slow
def test_a_float_file_is_not_called_mixed(tmp_path, capsys):
    export(float_net(), tmp_path / "m.onnx", 0, postprocess=False)
    assert main(["bench", str(tmp_path / "m.onnx"), "--threads", "1", "--runs", "1"]) == 0
    printed = capsys.readouterr().out
    assert "openvino float" in printed
    assert "1 thread, batch 1, 1 interleaved run\n" in printed
    assert "float: NOT an integer network\n" in printed
    assert "mixed" not in printed
