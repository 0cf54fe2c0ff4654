import numpy as np
import pytest

from mtzoo.compression.latency import read_operators
from mtzoo.engine.hardware_chains import probe_model
from mtzoo.engine.hardware_stems import IMAGE_HW, STEMS, Stem, stem_network
from mtzoo.runtime.executors import OpenVinoExecutor


@pytest.mark.parametrize("stem", STEMS.values(), ids=STEMS)
def test_what_a_stem_says_of_itself_is_what_its_network_does(stem):
    image, conv, last, *_ = read_operators(stem_network(stem), IMAGE_HW)
    assert (image.made, conv.stem, conv.made) == (3 * IMAGE_HW[0] * IMAGE_HW[1], True, stem.made)
    assert conv.conv.kernel_size == (stem.kernel, stem.kernel)
    assert stem.macs == conv.made * conv.conv.weight[0].numel()
    assert last.made <= stem.made / 64  # hardly anything is done with the map


@pytest.mark.parametrize("precision", ["fp32", "int8"])
@pytest.mark.parametrize("stem", [Stem(16, 3, 2), Stem(16, 4, 4), Stem(16, 7, 2)])
def test_every_stem_is_a_model(stem, precision):
    model = probe_model(stem_network(stem), (64, 64), precision)
    out = OpenVinoExecutor(model, 1).run({"image": np.full((1, 3, 64, 64), 200, np.uint8)})
    assert [value.shape for value in out.values()] == [(1, 16, 1, 1)]
    assert any(node.op_type == "QuantizeLinear" for node in model.graph.node) == (precision == "int8")
