from copy import deepcopy

import torch
from torch import nn

import mtzoo
from mtzoo.compression import correct_biases
from mtzoo.compression.bias_correction import Results, channel_means
from mtzoo.graph import read_program
from mtzoo.layers import normalize_image
from mtzoo.quantization import QConfig, QConfigMap, calibrate, convert, freeze, prepare
from tests.quantization.helpers import differing, images, outputs


def rounding(folded, batches, **changes):
    net = deepcopy(folded)
    prepare(net, QConfigMap(QConfig(**changes)))
    calibrate(net, batches)
    return net.eval()


def mean_error(a, b, batches):
    """Mean over outputs of the largest shift of a channel's mean."""
    shifts = [(channel_means([outputs(a, x)[k] for x in batches]) - channel_means([outputs(b, x)[k] for x in batches])).abs().max()
              for k in outputs(a, batches[0])]
    return float(sum(shifts)) / len(shifts)


def test_means_of_all_outputs_come_back(folded, batches):
    net = rounding(folded, batches, weight_bits=4)
    before = mean_error(folded, net, batches)
    changes = correct_biases(net, folded, batches)
    assert max(changes.values()) > 0
    assert list(changes) == [call.name for call in read_program(net).convs]
    assert mean_error(folded, net, batches) < 0.05 * before


def test_a_bias_that_was_wrong_is_put_right(folded, batches):
    net = rounding(folded, batches)
    layer = net.nodes["seg_head"].classify
    with torch.no_grad():
        layer.conv.bias += 5.0
    assert correct_biases(net, folded, batches)["nodes.seg_head.classify"] > 4.5
    assert torch.allclose(layer.conv.bias, folded.nodes["seg_head"].classify.conv.bias, atol=0.5)


def test_the_corrected_network_is_still_exact(folded, batches):
    net = rounding(folded, batches)
    correct_biases(net, folded, batches)
    freeze(net)
    x = images(2, seed=9)
    assert differing(outputs(net, (x.float() - 128) / 128), outputs(convert(net), x)) == 0


def test_results_are_dropped_after_their_last_reader(folded, batches):
    program, kept = read_program(folded), 0
    results = Results(program, batches)
    with torch.no_grad():
        for call in program.calls:
            results.store(call, [call.module(*inputs) for inputs in results.inputs(call)])
            kept = max(kept, len(results.values))
    assert not results.values
    assert kept < len(program.calls) / 4


def test_the_reference_rounds_nowhere():
    """What the float network says lies beyond what the rounding one's table knows."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(3, 4, 1), nn.Sigmoid(), nn.Conv2d(4, 2, 1))
    folded = mtzoo.from_torch(net, torch.zeros(1, 3, 8, 8), mean=[0.5], std=[0.01], output_names=["maps"]).folded
    dim, bright = ([normalize_image(images(2)) * factor] for factor in (0.1, 1.0))
    rounded = rounding(folded, dim)
    correct_biases(rounded, folded, bright)
    assert mean_error(folded, rounded, bright) < 1e-3
