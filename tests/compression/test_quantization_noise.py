from copy import deepcopy
from fnmatch import fnmatchcase

import torch

from mtzoo.compression import exact_outputs, network_parts, part_noise, part_pattern
from mtzoo.graph import read_program
from mtzoo.quantization import calibrate, prepare
from tests.quantization.helpers import differing, outputs


def test_the_trunk_falls_into_stages_and_a_head_stays_whole(folded):
    layers = [call.name for call in read_program(folded).convs]
    parts = network_parts(layers, {"backbone", "neck"})
    assert [name for name in parts if "backbone" in name] == ["nodes.backbone.stem", *(f"nodes.backbone.stages.{i}" for i in range(4))]
    assert [name for name in parts if "head" in name] == ["nodes.det_head", "nodes.seg_head"]
    assert sorted(sum(parts.values(), ())) == sorted(layers)
    for part, own in parts.items():
        pattern = part_pattern(part, layers)
        assert [name for name in layers if fnmatchcase(name, pattern)] == list(own)


def test_the_part_that_was_spoilt_makes_the_noise(folded, batches):
    net = deepcopy(folded)
    prepare(net)
    calibrate(net, batches)
    with torch.no_grad():
        for layer in net.nodes["seg_head"].blocks.modules():
            if getattr(layer, "act_quant", None) is not None:
                layer.act_quant.scale *= 64  # so coarse that little is left
    parts = network_parts([call.name for call in read_program(net).convs], {"backbone", "neck"})
    exact = exact_outputs(net, batches)
    noise = {name: part_noise(net, layers, batches, exact) for name, layers in parts.items()}
    assert max(noise, key=lambda name: noise[name]["seg"]) == "nodes.seg_head"
    assert noise["nodes.seg_head"]["det"] == 0
    assert noise["nodes.det_head"]["seg"] == 0
    assert all(value["seg"] > 0 for name, value in noise.items() if "backbone" in name)
    assert differing(outputs(net, batches[0]), outputs(folded, batches[0])) == 0  # left as it was found: not rounding
