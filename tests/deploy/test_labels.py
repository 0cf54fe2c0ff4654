import numpy as np
import onnxruntime
import pytest
import torch
from torch.nn import functional as F

from mtzoo.deploy.builder import GraphBuilder
from mtzoo.deploy.labels import Logits, corner_weights, emit_label_map
from mtzoo.ops.bilinear import FACTORS, bilinear_bits
from mtzoo.ops.exact import EXACT_LIMIT
from mtzoo.postprocess.decoders import LabelMapDecoder
from mtzoo.postprocess.label_map import label_map
from tests.deploy.helpers import RUNTIMES, run_model

PLAIN = "onnxruntime without optimisation"


@pytest.mark.parametrize("upsample", [2, 4, 8, 16])
def test_weights_are_those_of_bilinear_interpolation(upsample):
    row = torch.tensor([1.0, 5.0]).view(1, 1, 1, 2)
    fine = F.interpolate(row, scale_factor=(1, upsample), mode="bilinear", align_corners=False)
    between = fine.numpy().ravel()[upsample // 2:upsample // 2 + upsample]
    np.testing.assert_array_equal(corner_weights(upsample) @ row.numpy().ravel() / (2 * upsample), between)


def run(decoder: LabelMapDecoder, logits: np.ndarray, runtime: str, factor: int = 1) -> np.ndarray:
    """(N, h, w) what the operators say."""
    builder = GraphBuilder()
    builder.add_input("logits", logits.dtype.type, logits.shape)
    assert emit_label_map(builder, "seg", Logits("logits", logits.shape, factor), decoder) == "seg.labels"
    model, feeds = builder.model("labels"), {"logits": logits}
    if runtime == PLAIN:
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        found, = onnxruntime.InferenceSession(model.SerializeToString(), options, ["CPUExecutionProvider"]).run(None, feeds)
    else:
        found = run_model(model, feeds, runtime)["seg.labels"]
    assert found.dtype == np.uint8
    return found[:, 0]


@pytest.mark.parametrize("runtime", [*RUNTIMES, PLAIN])
@pytest.mark.parametrize("upsample", FACTORS)
@pytest.mark.parametrize("levels", [3, None], ids=["many ties", "at the limit"])
def test_label_maps_are_those_of_the_reference(runtime, upsample, levels):
    levels = levels or EXACT_LIMIT >> bilinear_bits(upsample)
    logits = np.random.default_rng(levels).integers(-levels, levels, (1, 5, 7, 9), endpoint=True).astype(np.float32)
    decoder = LabelMapDecoder(upsample, stride=16)
    wanted = label_map(torch.from_numpy(logits), decoder).numpy()
    np.testing.assert_array_equal(run(decoder, logits, runtime), wanted)


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_8_bit_logits_of_many_ties(runtime):
    """Without their step, OpenVINO decided 20 of 38,400 pixels otherwise."""
    logits = np.random.default_rng(0).integers(-6, 6, (1, 5, 40, 60), endpoint=True).astype(np.float32) / 2
    builder, decoder = GraphBuilder(), LabelMapDecoder(upsample=4, stride=4)
    builder.add_input("logits", np.float32, logits.shape)
    scale, zero = builder.initializer("scale", np.float32(0.5)), builder.constant(np.int8(0))
    floats = builder.op("DequantizeLinear", [builder.op("QuantizeLinear", ["logits", scale, zero]), scale, zero])
    emit_label_map(builder, "seg", Logits(floats, logits.shape, step=0.5), decoder)
    found = run_model(builder.model("labels"), {"logits": logits}, runtime)["seg.labels"][:, 0]
    np.testing.assert_array_equal(found, label_map(torch.from_numpy(logits), decoder).numpy())


@pytest.mark.parametrize("runtime", [*RUNTIMES, PLAIN])
@pytest.mark.parametrize("upsample", [4, 8])
def test_logits_that_would_not_fit_are_rounded_as_in_the_reference(runtime, upsample):
    """24 bits of which the last decide: every label would be another without the rounding, or with another rule for halves."""
    rng, decoder = np.random.default_rng(0), LabelMapDecoder(upsample, stride=8, logit_exponent=bilinear_bits(upsample))
    half = 2 ** (bilinear_bits(upsample) - 1)
    logits = (EXACT_LIMIT // 2 + half * rng.integers(0, 6, (1, 5, 7, 9))).astype(np.float32)
    wanted = label_map(torch.from_numpy(logits), decoder).numpy()
    assert (wanted != label_map(torch.from_numpy(logits), LabelMapDecoder(upsample, stride=8)).numpy()).mean() > 0.05
    np.testing.assert_array_equal(run(decoder, logits, runtime), wanted)


@pytest.mark.parametrize("runtime", [*RUNTIMES, PLAIN])
@pytest.mark.parametrize(("dtype", "factor", "images"), [(np.int8, 1, 1), (np.uint8, 2, 2), (np.int8, 4, 1)])
def test_integers_are_compared_before_pixels_are_put_in_their_places(runtime, dtype, factor, images):
    """Of few levels: the lowest of equal classes wins."""
    logits = np.random.default_rng(0).integers(0, 4, (images, 5 * factor**2, 6, 7)).astype(dtype)
    wanted = label_map(F.pixel_shuffle(torch.from_numpy(logits).float(), factor), LabelMapDecoder(1)).numpy()
    np.testing.assert_array_equal(run(LabelMapDecoder(1), logits, runtime, factor), wanted)


@pytest.mark.parametrize("upsample", FACTORS)
def test_no_operator_that_openvino_computes_in_bf16(upsample):
    """Where a CPU has it: convolutions, MatMul and Resize, and all floats before the last of them."""
    builder = GraphBuilder()
    builder.add_input("logits", np.float32, (1, 3, 4, 5))
    emit_label_map(builder, "seg", Logits("logits", (1, 3, 4, 5)), LabelMapDecoder(upsample, stride=16))
    assert not {node.op_type for node in builder.nodes} & {"Conv", "MatMul", "Resize"}
