import json

import pytest

from mtzoo.cli.main import main
from mtzoo.errors import UserError
from mtzoo.runtime.bench import bench

VARIANTS = {"torch fp32", "onnxruntime fp32", "openvino fp32", "openvino bf16", "openvino int8"}


@pytest.mark.slow
def test_all_variants_are_measured(model_path, tmp_path, capsys):
    assert main(["bench", str(model_path), "--threads", "1", "--runs", "2", "--json", str(tmp_path / "bench.json")]) == 0
    report = json.loads((tmp_path / "bench.json").read_text())
    assert set(report["latency_ms"]) == VARIANTS
    assert all(report["latency_ms"][name] >= report["latency_min_ms"][name] > 0 for name in VARIANTS)
    assert report["bytes"]["int8"] == model_path.stat().st_size < report["bytes"]["fp32"]
    assert "times as fast as the faster fp32 runtime" in " ".join(capsys.readouterr().out.split())


def test_numbers_below_one(model_path):
    with pytest.raises(UserError, match="runs=0"):
        bench(model_path, 1, 0)
