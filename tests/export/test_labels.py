import numpy as np
import pytest
import torch
from torch.nn import functional as F

from mtzoo.export.builder import GraphBuilder
from mtzoo.export.labels import emit_label_map, phase_filters
from mtzoo.postprocess import LabelMapDecoder, label_map
from tests.export.helpers import RUNTIMES, run_model


@pytest.mark.parametrize("upsample", [2, 4])
def test_filters_are_bilinear_interpolation(upsample):
    row = torch.tensor([1.0, 5.0, 11.0]).view(1, 1, 1, 3)
    fine = F.interpolate(row, scale_factor=(1, upsample), mode="bilinear", align_corners=False)
    np.testing.assert_array_equal(phase_filters(upsample) @ row.numpy().ravel(), fine.numpy().ravel()[upsample:2 * upsample])


@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize("upsample", [1, 2, 4])
@pytest.mark.parametrize("levels", [3, 2**16])  # many ties; few
def test_label_maps_are_those_of_the_reference(runtime, upsample, levels):
    shape = (1, 5, 7, 9)
    logits = np.random.default_rng(levels).integers(-levels, levels, shape).astype(np.float32)
    builder = GraphBuilder()
    builder.add_input("logits", np.float32, shape)
    assert emit_label_map(builder, "seg", "logits", shape, LabelMapDecoder(upsample)) == "seg.labels"
    found = run_model(builder.model("labels"), {"logits": logits}, runtime)["seg.labels"]
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found[:, 0], label_map(torch.from_numpy(logits), upsample).numpy())
