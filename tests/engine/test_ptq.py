from dataclasses import replace

import pytest
import torch

from mtzoo.compression import Corrections
from mtzoo.config import config_from_dict
from mtzoo.engine.calibration import Batches, calibration_images
from mtzoo.engine.checkpoint import Checkpoint, Progress, save_checkpoint
from mtzoo.engine.ptq import (
    PtqInputs,
    fold_all,
    integer_network,
    keep_worst_parts,
    left_inexact,
    load_float_network,
    mixed_network,
    with_kept_layers,
)
from mtzoo.engine.quantization_noise import (
    draw_noise,
    fingerprint,
    load_noise,
    measure_noise,
    noise_table,
    parts_of,
    rank_parts,
    save_noise,
)
from mtzoo.engine.stages import network_at, quantization_of
from mtzoo.errors import UserError
from mtzoo.quantization import layers_with_bn, set_fake_quant
from tests.cli.ptq_helpers import write_checkpoint
from tests.quantization.helpers import differing, outputs
from tests.tiny import config_values, tiny_config, write_images


@pytest.fixture
def config(tmp_path):
    return tiny_config(write_images(tmp_path / "data"))


@pytest.fixture
def path(config, tmp_path):
    write_checkpoint(tmp_path / "with-bn-float-last.pt", config)
    return tmp_path / "with-bn-float-last.pt"


@pytest.fixture
def job(config, path):
    batches = Batches(calibration_images(config, 4))
    return PtqInputs(config, fold_all(load_float_network(config, path), config), batches, Corrections())


def test_folding_leaves_the_original_and_the_function(config, path):
    net = load_float_network(config, path)
    folded = fold_all(net, config)
    assert layers_with_bn(net)
    assert not layers_with_bn(folded)
    x = torch.rand(1, 3, 64, 96)
    a, b = outputs(net, x), outputs(folded, x)
    assert all(torch.allclose(a[k], b[k], rtol=1e-3, atol=1e-3) for k in a)


def test_a_task_alone_loads_from_a_checkpoint_of_all(config, path, tmp_path):
    seg = tiny_config(tmp_path / "data", ["seg"])
    net = load_float_network(seg, path)
    assert set(net.nodes) == {"backbone", "neck", "seg_head"}
    both = load_float_network(config, path)
    x = torch.rand(1, 3, 64, 96)
    assert torch.equal(outputs(net, x)["seg.logits"], outputs(both, x)["seg.logits"])


@pytest.mark.parametrize(("step", "quantized"), [(0, True), (1, True), (2, True), (3, True)])
def test_a_checkpoint_that_rounds_is_refused(config, tmp_path, step, quantized):
    net = network_at(config, min(step, 2), quantized)
    save_checkpoint(tmp_path / "x.pt", Checkpoint(dict(config.resolved), Progress(step, quantized, 0, True), net.state_dict()))
    with pytest.raises(UserError, match=f"x.pt: a checkpoint of step {step} with .*; expected a float one"):
        load_float_network(config, tmp_path / "x.pt")


def test_another_network_is_refused(tmp_path, config, path):
    values = config_values(tmp_path / "data")
    values["nodes"]["backbone"]["width"] = 0.5
    wider = tiny_config(tmp_path / "data", nodes=values["nodes"])
    with pytest.raises(UserError, match="checkpoint of another network"):
        load_float_network(wider, path)


def test_weights_that_are_not_finite_are_refused(config, path, tmp_path):
    values = torch.load(path, weights_only=True)
    values["network"]["nodes.backbone.stem.conv.weight"][0, 0, 0, 0] = torch.nan
    torch.save(values, tmp_path / "nan.pt")
    with pytest.raises(UserError, match=r"nan\.pt: 'nodes\.backbone\.stem\.conv\.weight' holds values that are not finite"):
        load_float_network(config, tmp_path / "nan.pt")


def test_the_integer_checkpoint_holds_integers_of_step_3(job):
    _, checkpoint = integer_network(job)
    assert checkpoint.progress.step == 3
    assert {v.dtype for v in checkpoint.network.values()} == {torch.int8, torch.int32}


def test_what_the_config_leaves_in_float_is_found(job):
    assert left_inexact(job) == {}
    left = replace(job, config=with_kept_layers(job.config, ["nodes.seg_head.spatial"], "float"))
    # the concat behind it joins a float map with an integer one, so its reader has no integer input
    assert list(left_inexact(left)) == ["nodes.seg_head.spatial", "nodes.seg_head.pointwise"]


def test_float_parts_come_back_from_the_mixed_checkpoint(job):
    net, checkpoint = mixed_network(job, ["nodes.seg_head.*"])
    assert checkpoint.progress.step == 2
    config = with_kept_layers(job.config, ["nodes.seg_head.*"], "float")
    assert config.resolved == checkpoint.config
    again = network_at(config, 2, quantized=True)
    again.load_state_dict(checkpoint.network)
    set_fake_quant(again, True)
    x = job.batches[0]
    assert differing(outputs(again, x), outputs(net, x)) == 0
    assert net.nodes["seg_head"].classify.weight_quant is None
    assert net.nodes["det_head"].cls[0].weight_quant is not None


def test_a_head_with_its_own_quantization_is_left_in_float_too(tmp_path):
    values = config_values(tmp_path / "data")
    values["tasks"]["seg"]["quantization"] = {"weight_bits": 7, "not_quant_pattern": ["nodes.seg_head.blocks.*"]}
    own = with_kept_layers(config_from_dict(values), ["nodes.seg_head.classify"], "float")
    assert quantization_of(own).of_module("nodes.seg_head.classify").not_quant_pattern \
        == ("nodes.seg_head.blocks.*", "nodes.seg_head.classify")
    assert quantization_of(own).default.not_quant_pattern == ("nodes.seg_head.classify",)


def test_parts_can_be_kept_in_16_bits_too(job):
    net, checkpoint = mixed_network(job, ["nodes.seg_head.*"], "16bit")
    assert checkpoint.config["quantization"]["int16_pattern"] == ["nodes.seg_head.*"]
    layer = net.nodes["seg_head"].spatial
    assert (layer.act_quant.bits, layer.weight_quant.limit) == (16, 2**15 - 1)
    assert net.nodes["det_head"].cls[0].weight_quant.limit == 127


def test_parts_are_spared_one_after_the_other_until_it_is_good(job):
    tried = []
    ranking = [("nodes.seg_head", "nodes.seg_head.*"), ("nodes.det_head", "nodes.det_head.*"), ("nodes.neck", "nodes.neck.*"),
               ("nodes.backbone.stem", "nodes.backbone.stem")]

    def measure(net):
        return {"seg/mIoU": 100.0 * (net.nodes["seg_head"].classify.weight_quant is None),
                "det/AP50": 100.0 * (net.nodes["det_head"].cls[0].weight_quant is None)}

    mixed = keep_worst_parts(job, ranking, measure, lambda m: min(m.values()) > 50, lambda parts, m: tried.append(parts))
    assert tried == [("nodes.seg_head",), ("nodes.seg_head", "nodes.det_head")]
    assert mixed.parts == tried[-1]
    assert keep_worst_parts(job, ranking, measure, lambda m: False, lambda parts, m: None) is None


def test_noise_is_measured_kept_and_used_again(job, path, tmp_path):
    file, made_for = tmp_path / "out" / "noise.json", fingerprint(job, path)
    told = []

    def on_part(part, noise):
        told.append(part)
        save_noise(file, made_for, noise)

    noise = measure_noise(job, {}, on_part)
    assert set(noise) == set(parts_of(job))
    assert load_noise(file, made_for) == noise
    assert measure_noise(job, dict(list(noise.items())[:-1]), on_part) == noise
    assert told == [*parts_of(job), list(parts_of(job))[-1]]  # the second time the one that was missing
    ranking = rank_parts(job, noise, ["seg"])
    assert "nodes.det_head" not in [part for part, _ in ranking]
    assert [noise[part]["seg"] for part, _ in ranking] == sorted((noise[p]["seg"] for p, _ in ranking), reverse=True)
    assert noise_table(noise, ["seg", "det"]).row_count == len(noise)
    draw_noise(tmp_path / "noise.png", noise, ["seg"])
    assert (tmp_path / "noise.png").read_bytes().startswith(b"\x89PNG")


def test_noise_of_something_else_is_not_used(tmp_path):
    file = tmp_path / "noise.json"
    save_noise(file, {"checkpoint": "a", "tasks": ["seg"]}, {"nodes.neck": {"seg": 1.0}})
    with pytest.raises(UserError, match="measured for another 'checkpoint'"):
        load_noise(file, {"checkpoint": "b", "tasks": ["seg"]})
    save_noise(file, {"checkpoint": "a", "tasks": ["seg"]}, {"nodes.neck": {"det": 1.0}})
    with pytest.raises(UserError, match="damaged"):
        load_noise(file, {"checkpoint": "a", "tasks": ["seg"]})
    file.write_text("[]")
    with pytest.raises(UserError, match="no sensitivity table"):
        load_noise(file, {"checkpoint": "a", "tasks": ["seg"]})
