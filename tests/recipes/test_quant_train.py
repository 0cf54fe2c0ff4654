import html

import pytest

import mtzoo
from tests.tiny import phase, tiny_config


@pytest.mark.slow
def test_the_main_job_gives_a_model_a_report_and_proof(project, tmp_path, quiet):
    steps = [{"prefix": prefix, "quant_phase": phase(1)} for prefix in ("with-bn", "c1", "c2")]
    solver = [*steps, {"prefix": "int"}]
    result = mtzoo.quant_train(tiny_config(project, ["seg", "cls"], solver=solver), tmp_path, pipeline_test=True, console=quiet)
    assert result.passed
    assert result.verify.mismatches == {"integer": 0, "onnxruntime": 0, "openvino": 0}
    assert "mtzoo.quant_train('tests/tiny')" in html.unescape(result.report.read_text())
    assert result.bench.bytes["int8"] == result.model.stat().st_size
    assert set(result.metrics) >= {"seg/mIoU", "cls/top1"}


def test_a_config_that_stays_in_float_is_refused(project, tmp_path, quiet):
    config = tiny_config(project, ["seg"], quantization={"not_quant_pattern": ["nodes.seg_head.*"]})
    with pytest.raises(mtzoo.UserError, match="seg_head"):
        mtzoo.quant_train(config, tmp_path / "run", console=quiet)
    assert not (tmp_path / "run").exists()
