"""Auxiliary heads: what they read, what they teach, and that nothing but float training knows them."""

import io
import shutil

import pytest
import torch

from mtzoo.cli.main import main
from mtzoo.compression import channel_groups, weight_scores
from mtzoo.config import config_from_dict
from mtzoo.console import PlainConsole
from mtzoo.deploy.file import read_deploy_file
from mtzoo.engine.auxiliary import auxiliary_costs, build_auxiliary
from mtzoo.engine.checkpoint import load_checkpoint
from mtzoo.engine.checks import check_network
from mtzoo.engine.integer_step import to_integers
from mtzoo.engine.losses import MultiTaskLoss, compute_loss
from mtzoo.engine.pruning import pruned_config, without
from mtzoo.engine.ptq import load_float_network
from mtzoo.engine.resume import weights_of
from mtzoo.engine.retraining import Retraining, retrain, retraining_config
from mtzoo.engine.run import stages, start_run
from mtzoo.engine.stages import network_at
from mtzoo.engine.train_stages import train
from mtzoo.errors import UserError
from mtzoo.graph import read_program
from mtzoo.losses import SegmentationLoss
from mtzoo.models.costs import node_costs
from mtzoo.structures import Batch
from tests.compression.helpers import random_removal
from tests.tiny import HW, config_values, phase

HEAD = {"name": "seg_aux", "type": "DenseSegmentationHead", "inputs": ["backbone.mod3"], "strides": [8], "channels": 8}


def values_with(root, *heads, tasks=("seg",), **changes):
    values = config_values(root, tasks, **changes)
    values["tasks"]["seg"]["auxiliary"] = list(heads) or [{"node": HEAD}]
    return values


def seg_batch(count=2, seed=0):
    generator = torch.Generator().manual_seed(seed)
    images = torch.randint(0, 256, (count, 3, *HW), dtype=torch.uint8, generator=generator)
    masks = torch.randint(0, 3, (count, *HW), dtype=torch.uint8, generator=generator)
    return Batch(images, None, [HW] * count, ["x"] * count, ["s"] * count, {}, {"seg": masks})


def losses_of(values, *, auxiliary=True):
    """(total, terms, network, criterion) of one batch, after backward."""
    config = config_from_dict(values)
    net = network_at(config, 0, quantized=False)
    criterion = MultiTaskLoss(config, auxiliary=build_auxiliary(config) if auxiliary else None)
    batch = seg_batch()
    total, terms = compute_loss(net, criterion, batch, batch.images / 128.0 - 1, bf16=False)
    total.backward()
    return float(total.detach()), {name: float(value) for name, value in terms.items()}, net, criterion


@pytest.mark.parametrize("balance", ["fixed", "uncertainty"])
def test_its_loss_joins_the_tasks_with_its_weight(tmp_path, balance):
    values = values_with(tmp_path, {"node": HEAD, "weight": 0.25}, loss_balance=balance)
    values["tasks"]["seg"]["loss"] = {"type": "SegmentationLoss", "weight": 2.0, "lovasz_weight": 0.0}
    total, terms, _, _ = losses_of(values)
    assert set(terms) == {"seg.loss_ce", "seg.seg_aux.loss_ce"}
    assert total == pytest.approx(2.0 * (terms["seg.loss_ce"] + 0.25 * terms["seg.seg_aux.loss_ce"]))
    values["tasks"]["seg"]["auxiliary"][0]["weight"] = 1.0
    assert losses_of(values)[1] == pytest.approx(terms)  # terms are told before weights
    main, own, _, _ = losses_of(values, auxiliary=False)
    assert own == {"seg.loss_ce": pytest.approx(terms["seg.loss_ce"])}
    assert main == pytest.approx(2.0 * terms["seg.loss_ce"])


def test_it_may_have_a_loss_of_its_own_and_there_may_be_several(tmp_path):
    second = {"node": {**HEAD, "name": "deep", "inputs": ["backbone.mod4"], "strides": [16]},
              "loss": {"type": "SegmentationLoss", "ce_weight": 0.0, "lovasz_weight": 0.0, "dice_weight": 1.0}}
    total, terms, _, criterion = losses_of(values_with(tmp_path, {"node": HEAD, "weight": 1.0}, second))
    assert set(terms) == {"seg.loss_ce", "seg.loss_lovasz", "seg.seg_aux.loss_ce", "seg.seg_aux.loss_lovasz", "seg.deep.loss_dice"}
    assert total == pytest.approx(sum(value * (0.4 if "deep" in name else 1.0) for name, value in terms.items()))
    assert isinstance(criterion.auxiliary_losses["deep"], SegmentationLoss)


def test_it_teaches_what_it_reads_and_nothing_behind(tmp_path):
    """With the main loss at 0, only the layers in front of mod3 are taught."""
    values = values_with(tmp_path)
    values["tasks"]["seg"]["loss"] = {"type": "SegmentationLoss", "ce_weight": 0.0, "lovasz_weight": 0.0}
    values["tasks"]["seg"]["auxiliary"][0]["loss"] = {"type": "SegmentationLoss"}
    _, _, net, criterion = losses_of(values)

    def taught(module):
        return [name for name, p in module.named_parameters() if p.grad is not None and float(p.grad.abs().sum()) > 0]

    assert taught(net.nodes["backbone"])
    assert "stem.conv.weight" in taught(net.nodes["backbone"])
    assert not any(name.startswith("stages.2") for name in taught(net.nodes["backbone"]))
    assert not taught(net.nodes["neck"])
    assert not taught(net.nodes["seg_head"])
    assert set(taught(criterion.auxiliary)) == {name for name, _ in criterion.auxiliary.named_parameters()}


def test_it_reads_the_features_that_it_names(tmp_path):
    values = values_with(tmp_path, {"node": {**HEAD, "inputs": ["neck.mod2", "backbone.mod3"], "strides": [4, 8]}})
    config = config_from_dict(values)
    net, auxiliary = network_at(config, 0, quantized=False).eval(), build_auxiliary(config)
    seen = []
    auxiliary.heads["seg_aux"].register_forward_pre_hook(lambda module, args: seen.extend(args[0]))
    batch = seg_batch()
    images = batch.images / 128.0 - 1
    with torch.no_grad():
        compute_loss(net, MultiTaskLoss(config, auxiliary=auxiliary), batch, images, bf16=False)
        backbone = net.nodes["backbone"](net.image_quant(images))
        neck = net.nodes["neck"](backbone)
    assert len(seen) == 2
    assert torch.equal(seen[0], neck[0])
    assert torch.equal(seen[1], backbone[1])


def test_it_fits_a_pruned_network(tmp_path):
    config = config_from_dict(values_with(tmp_path))
    net = network_at(config, 0, quantized=False)
    groups = channel_groups(read_program(net), weight_scores(net, "l2"), align=2)
    pruned = pruned_config(config, without(net, random_removal(groups, seed=2)))
    wide, narrow = (build_auxiliary(c).heads["seg_aux"].spatial.conv.in_channels for c in (config, pruned))
    assert (wide, narrow) == (16, 8)
    check_network(pruned)


def test_the_network_starts_from_the_same_weights_with_and_without_it(tmp_path):
    with_it, without_it = (network_at(config_from_dict(values), 0, quantized=False).state_dict()
                           for values in (values_with(tmp_path), config_values(tmp_path, ["seg"])))
    assert with_it.keys() == without_it.keys()
    assert all(torch.equal(value, without_it[name]) for name, value in with_it.items())


def test_its_costs_are_its_own(tmp_path):
    config = config_from_dict(values_with(tmp_path))
    net = network_at(config, 0, quantized=False)
    before = node_costs(net, HW)
    cost, = auxiliary_costs(net, build_auxiliary(config), HW)
    as_a_task = config_values(tmp_path, ["seg"])
    as_a_task["tasks"]["seg"]["nodes"] = ["backbone", HEAD]
    as_a_task["tasks"]["seg"]["labels"] = {"stride": 8}
    wanted = node_costs(network_at(config_from_dict(as_a_task), 0, quantized=False), HW)[-1]
    assert (cost.params, cost.macs) == (wanted.params, wanted.macs)
    assert cost.tasks == ("seg",)
    assert node_costs(net, HW) == before


@pytest.mark.parametrize(("heads", "message"), [
    ([{"node": {**HEAD, "inputs": ["backbon"]}}], r"task 'seg', auxiliary head 'seg_aux': reads 'backbon'.*did you mean 'backbone'"),
    ([{"node": {**HEAD, "inputs": ["backbone.mod9"]}}], "node 'seg_aux': reads 'backbone.mod9', but 'backbone' has no such feature"),
    ([{"node": {**HEAD, "inputs": ["image"]}}], "reads 'image', which it would teach nothing; known: backbone, neck"),
    ([{"node": {**HEAD, "inputs": ["seg_head"]}}], "reads 'seg_head', which no node of the task with features is called"),
    ([{"node": {**HEAD, "strides": [4]}}], "node 'seg_aux': no feature of stride 4"),
    ([{"node": {**HEAD, "chanels": 4}}], r"node 'seg_aux'\.chanels.*did you mean 'channels'"),
    ([{"node": {**HEAD, "type": "FCNHead"}}], r"node 'seg_aux'\.strides: FCNHead has no such parameter"),
    ([{"node": {"name": "seg_aux", "type": "PerLocationDetectionHead", "inputs": ["backbone"], "strides": [8]}}],
     r"tasks\.seg\.auxiliary\[0\]\.node\.type='PerLocationDetectionHead': is for kind='detection'"),
    ([{"node": {**HEAD, "name": "neck"}}], r"tasks\.seg\.auxiliary\[0\]: 'neck' is the name of a node, a task or another"),
    ([{"node": {**HEAD, "name": "seg"}}], r"tasks\.seg\.auxiliary\[0\]: 'seg' is the name of"),
    ([{"node": HEAD}, {"node": HEAD}], r"tasks\.seg\.auxiliary\[1\]: 'seg_aux' is the name of"),
    ([{"node": HEAD, "weight": 0}], r"tasks\.seg\.auxiliary\[0\]: weight=0.*above 0"),
    ([{"node": HEAD, "wieght": 1}], r"tasks\.seg\.auxiliary\[0\]\.wieght: unknown key; did you mean 'weight'"),
    ([{"node": HEAD, "loss": {"type": "SegmentationLoss", "weight": 2}}], r"auxiliary\[0\]\.loss\.weight: .*write .*\[0\]\.weight"),
    ([{"node": HEAD, "loss": {"type": "SegLoss"}}], r"tasks\.seg\.auxiliary\[0\]\.loss\.type.*did you mean 'SegmentationLoss'"),
    ([HEAD], r"tasks\.seg\.auxiliary\[0\]: expected a dict with 'node'"),
    ([{"node": "seg_aux"}], r"tasks\.seg\.auxiliary\[0\]\.node='seg_aux': no such name"),
    ({"node": HEAD}, r"tasks\.seg\.auxiliary: expected a list"),
])
def test_one_that_cannot_be_is_one_line(tmp_path, heads, message):
    values = config_values(tmp_path, ["seg"])
    values["tasks"]["seg"]["auxiliary"] = heads
    with pytest.raises(UserError, match=message):
        check_network(config_from_dict(values))


def short_solver():
    """Four iterations in float, two under fake-quant with live BN, one after each fold."""
    return [{"prefix": "with-bn", "float_phase": phase(4), "quant_phase": phase(2)},
            {"prefix": "fusion-bn-c1", "quant_phase": phase(1)}, {"prefix": "fusion-bn-c2", "quant_phase": phase(1)},
            {"prefix": "int-inference"}]


def go(config, work_dir, *, resume=False, count=4, load_from=None):
    """The first `count` stages of a run."""
    run = start_run(config, work_dir, ctx="cpu", resume=resume, console=PlainConsole(file=io.StringIO(), width=200))
    return train(run, stages(config, float_only=False)[:count], resume=resume, initialize=weights_of(load_from))


@pytest.fixture(scope="module")
def lived(images, tmp_path_factory):
    """(config, work dir, run) of all four steps, with an auxiliary head on a network of one task."""
    config = config_from_dict(values_with(images, solver=short_solver()))
    folder = tmp_path_factory.mktemp("lived") / "run"
    run = go(config, folder)
    to_integers(run)
    return config, folder, run


@pytest.mark.slow
def test_no_trace_of_it_is_left_behind_the_float_phase(lived, images, tmp_path):
    """Networks, losses, optimizer and exports know it in the float phase only; its task and data are those of the run without it."""
    config, folder, run = lived
    plain = network_at(config_from_dict(config_values(images, ["seg"])), 0, quantized=False)
    for path in folder.glob("*.pt"):
        checkpoint = load_checkpoint(path)
        assert not [name for name in checkpoint.network if "aux" in name], path.name
        held = [name for name in checkpoint.training.get("criterion", {}) if "seg_aux" in name]
        in_float = checkpoint.progress.step == 0 and not checkpoint.progress.quantized
        assert bool(held) == in_float, path.name
    floats = load_checkpoint(folder / "with-bn-float-last.pt")
    assert floats.network.keys() == plain.state_dict().keys()
    assert floats.history[0]["curve"][-1][1].keys() >= {"seg.loss_ce", "seg.seg_aux.loss_ce"}
    later = load_checkpoint(folder / "fusion-bn-c2-last.pt").history[1:]
    assert len(later) == 3
    assert not [name for stage in later for _, means in stage["curve"] for name in means if "aux" in name]
    assert not [name for name, _ in run.net.named_modules() if "aux" in name]
    assert run.criterion.auxiliary is None
    assert main(["export", str(folder / "int-inference-last.pt"), "--out", str(tmp_path / "model.onnx")]) == 0
    file = read_deploy_file(tmp_path / "model.onnx")
    assert not [tensor.name for tensor in file.model.graph.initializer if "aux" in tensor.name]
    assert [value.name for value in file.info.outputs] == ["seg.labels"]
    assert [node.name for node in file.info.graphs["seg"]] == ["backbone", "neck", "seg_head"]


@pytest.mark.slow
def test_the_head_learns_and_moves_the_network(lived, images, tmp_path):
    config, folder, _ = lived
    begun, done = (load_checkpoint(folder / f"with-bn-float-{tag}.pt") for tag in ("init", "last"))
    key = "auxiliary.heads.seg_aux.pointwise.conv.weight"
    assert not torch.equal(begun.training["criterion"][key], done.training["criterion"][key])
    plain = go(config_from_dict(config_values(images, ["seg"], solver=short_solver())), tmp_path / "plain", count=1)
    own = plain.net.state_dict()
    stem = "nodes.backbone.stem.conv.weight"
    assert not torch.equal(own[stem], done.network[stem])
    start = load_checkpoint(tmp_path / "plain" / "with-bn-float-init.pt").network
    assert all(torch.equal(value, start[name]) for name, value in begun.network.items())


@pytest.mark.slow
def test_an_interrupted_run_ends_as_the_uninterrupted_one(lived, tmp_path):
    """From inside of the float phase to its end, and from there into the phase without the head."""
    config, folder, _ = lived
    for start, end, count in (("with-bn-0001", "with-bn-float-last", 1), ("with-bn-float-last", "with-bn-last", 2)):
        work_dir = tmp_path / start
        work_dir.mkdir()
        for name in ("config.json", f"{start}.pt"):
            shutil.copy(folder / name, work_dir)
        run = go(config, work_dir, resume=True, count=count)
        assert f"resumed from {work_dir / start}.pt" in run.console.file.getvalue()
        whole, parts = (load_checkpoint(place / f"{end}.pt") for place in (folder, work_dir))
        assert all(torch.equal(value, parts.network[key]) for key, value in whole.network.items()), start
        assert whole.training["criterion"].keys() == parts.training["criterion"].keys()
        assert all(torch.equal(value, parts.training["criterion"][key]) for key, value in whole.training["criterion"].items()), start


@pytest.mark.slow
def test_every_tool_starts_from_its_checkpoint(lived, images, tmp_path):
    """As a network, as a start of another run, and as the float network that compression takes; retraining goes without the head."""
    config, folder, _ = lived
    last = folder / "with-bn-float-last.pt"
    net = load_float_network(config, last)
    assert all(torch.equal(value, net.state_dict()[key]) for key, value in load_checkpoint(last).network.items())
    without_it = config_from_dict(config_values(images, ["seg"], solver=short_solver()))
    for other in (config, without_it):
        go(other, tmp_path / str(other is config), count=1, load_from=last)
    short = retraining_config(config, Retraining(1), quantized=False)
    run = retrain(short, tmp_path / "retrained", quantized=False, initialize=lambda run: run.net.load_state_dict(net.state_dict()),
                  console=PlainConsole(file=io.StringIO()))
    assert run.criterion.auxiliary is None
    assert {name for _, means in run.history[0].curve for name in means} == {"loss", "seg.loss_ce", "seg.loss_lovasz"}
