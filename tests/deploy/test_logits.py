from copy import deepcopy
from dataclasses import replace

import numpy as np
import pytest
import torch

from mtzoo.deploy.export import export_model
from mtzoo.deploy.file import read_deploy_file
from mtzoo.deploy.load import fake_quant_network, integer_network, network_outputs, stored_integers
from mtzoo.deploy.logits import exact_decoders
from mtzoo.errors import UserError
from mtzoo.ops.bilinear import bilinear_bits
from mtzoo.ops.exact import EXACT_LIMIT
from mtzoo.postprocess.decoders import BoxDecoder, LabelMapDecoder
from mtzoo.postprocess.label_map import label_map
from mtzoo.quantization import convert, fold_bn, freeze
from mtzoo.runtime.model import DeployModel
from mtzoo.runtime.verify import verify
from tests.deploy.helpers import HW, SUMS, TASKS, prepared_net, spec
from tests.quantization.helpers import images

DECODER = LabelMapDecoder(upsample=4)


def frozen_net_of_large_sums():
    """The classes' logits are all higher by the same: they are compared as before, but in numbers of 22 bits and more."""
    net = prepared_net(SUMS)
    fold_bn(net, ["nodes.*"])
    with torch.no_grad():
        net.nodes["seg_head"].classify.conv.bias.add_(2.0**12)
    freeze(net)
    return net


@pytest.fixture(scope="module")
def large():
    return frozen_net_of_large_sums()


@pytest.fixture(scope="module")
def path(large, tmp_path_factory):
    path = tmp_path_factory.mktemp("large") / "m.onnx"
    tasks = {**TASKS, "seg": replace(TASKS["seg"], decoder=DECODER)}
    export_model(large, replace(spec(3), tasks=tasks), path, postprocess=True, keep_raw=True)
    return path


def test_logits_stay_within_their_bound(frozen_sums):
    largest, exponent = convert(frozen_sums).bound("seg", "logits")
    logits = network_outputs(frozen_sums, images())["seg"]["logits"] * torch.exp2(-exponent.float()).view(-1, 1, 1)
    assert torch.equal(logits, logits.round())
    reached = logits.abs().amax((0, 2, 3)).double()
    assert (reached > 1).all()
    assert (reached <= largest).all()


def test_what_fits_is_not_rounded(frozen_sums):
    largest, _ = convert(frozen_sums).bound("seg", "logits")
    assert largest.max() * 2 ** bilinear_bits(2) <= EXACT_LIMIT
    decoders = {name: task.decoder for name, task in TASKS.items()}
    assert exact_decoders(frozen_sums, decoders) == decoders


def test_what_does_not_fit_is_rounded_until_it_does(large):
    largest, exponent = convert(large).bound("seg", "logits")
    assert largest.max() * 2 ** bilinear_bits(4) > EXACT_LIMIT
    found = exact_decoders(large, {"seg": DECODER, "det": BoxDecoder()})
    assert found["det"] == BoxDecoder()
    values = largest * torch.exp2(exponent.double())
    steps = float(values.max()) / 2.0 ** found["seg"].logit_exponent
    assert EXACT_LIMIT / 2 < steps * 2 ** bilinear_bits(4) <= EXACT_LIMIT


def test_networks_that_are_no_integers_yet_keep_their_decoders():
    assert exact_decoders(prepared_net(), {"seg": LabelMapDecoder(upsample=4)}) == {"seg": LabelMapDecoder(upsample=4)}


def test_the_file_tells_of_the_rounding_and_every_network_made_of_it_agrees(large, path):
    file = read_deploy_file(path)
    decoder = file.info.tasks["seg"].decoder
    assert decoder == exact_decoders(large, {"seg": DECODER})["seg"]
    assert decoder.logit_exponent is not None
    state = stored_integers(file)
    again = fake_quant_network(file, state)
    assert exact_decoders(again, {"seg": DECODER})["seg"] == decoder
    image = np.random.default_rng(0).integers(0, 256, (*HW, 3), dtype=np.uint8)
    batch = torch.from_numpy(image).permute(2, 0, 1)[None]
    wanted = label_map(network_outputs(large, batch)["seg"]["logits"], decoder)
    assert len(wanted.unique()) > 1
    with torch.no_grad():
        assert torch.equal(label_map(integer_network(file, state)(batch)["seg"]["logits"], decoder), wanted)
    found = DeployModel.load(path, "onnxruntime", 1).run({"image": batch.numpy(), "im_hw": np.array([HW], np.float32)})
    np.testing.assert_array_equal(found["seg.labels"][:, 0], wanted.numpy())


@pytest.mark.slow
def test_all_executors_agree_on_rounded_logits(path):
    report = verify(path, [np.random.default_rng(seed).integers(0, 256, (*HW, 3), dtype=np.uint8) for seed in (0, 1)])
    assert report.passed
    assert report.executors["openvino"].values["seg.labels"] == 2 * HW[0] * HW[1]


def test_sums_beyond_float32_leave_the_decoders_to_the_conversion_to_refuse(large):
    net = deepcopy(large)
    with torch.no_grad():
        net.nodes["seg_head"].classify.conv.bias.mul_(2.0**6)
    with pytest.raises(UserError, match="seg_head.classify.*above 2\\^24"):
        convert(net)
    assert exact_decoders(net, {"seg": DECODER}) == {"seg": DECODER}
