"""Every leaf x every rule: fake-quant, integers, both runtimes, the exported file and the pruned network say the same."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import onnx
import onnxruntime
import pytest
import torch
from torch import nn

from mtzoo.compression import prune
from mtzoo.compression.channels import channel_groups, removed_channels
from mtzoo.compression.equalize_network import equalize_network
from mtzoo.deploy.export import ExportSpec, build_model, export_model
from mtzoo.deploy.file import DeployFile
from mtzoo.deploy.info import TaskInfo
from mtzoo.deploy.load import fake_quant_network, integer_network, stored_integers
from mtzoo.deploy.reference import reference_network
from mtzoo.graph import read_program
from mtzoo.graph_spec import NodeSpec
from mtzoo.layers import ConvBNAct, Leaf, Table, normalize_image
from mtzoo.models import MultiTaskNet, build_network
from mtzoo.ops.geometry import DeployGeometry
from mtzoo.postprocess.decoders import LabelMapDecoder
from mtzoo.quantization import calibrate, convert, fold_bn, freeze, prepare
from mtzoo.runtime.executors import build_executor
from tests.layers.leaf_cases import CASES, GAINS, IMAGE, LeafNet
from tests.quantization.helpers import differing, images, mask, outputs, randomize

HW = (64, 96)
GEOMETRY = DeployGeometry(resized_hw=HW, drop_top=0, input_hw=HW)
ODD = pytest.mark.parametrize("odd", [False, True], ids=["even", "odd"])
ODD_FIRST = pytest.mark.parametrize("odd", [pytest.param(False, marks=pytest.mark.thorough), True], ids=["even", "odd"])
EVERY = pytest.mark.parametrize("case", CASES)
SOME = [tuple(CASES)[i:i + 40] for i in range(0, len(CASES), 40)]  # what one network may name


TASKS = {"seg": TaskInfo("segmentation", ("a", "b"), LabelMapDecoder(upsample=1))}


def graphs(cases: Sequence[str], odd: bool) -> dict[str, tuple[NodeSpec, ...]]:
    return {"seg": (NodeSpec("net", LeafNet.__name__, params={"cases": list(cases), "padding": int(not odd), "hw": HW}),)}


def float_net(*cases: str, odd: bool) -> MultiTaskNet:
    torch.manual_seed(0)
    net = build_network(graphs(cases, odd))
    for name, factor in GAINS.items():
        if name in net.nodes["net"].inputs:
            nn.init.constant_(net.nodes["net"].inputs[name].bn.weight, factor)
    randomize(net, normalize_image(images()))
    with torch.no_grad():
        for name, factor in GAINS.items():
            if name in net.nodes["net"].inputs:
                net.nodes["net"].inputs[name].bn.weight.mul_(factor)
    return net.eval()


@cache
def frozen_net(*cases: str, odd: bool) -> MultiTaskNet:
    """In fake-quant, shared; do not change it."""
    net = float_net(*cases, odd=odd)
    prepare(net)
    calibrate(net, [normalize_image(images())])
    fold_bn(net, ["nodes.*"])
    freeze(net)
    return net


@ODD_FIRST
@EVERY
def test_integers_and_onnx_runtime_equal_fake_quant(case: str, odd: bool) -> None:
    net, x = frozen_net(case, odd=odd), images(1, seed=1)
    wanted = outputs(net, normalize_image(x))
    assert next(iter(wanted.values())).unique().numel() >= CASES[case].values
    assert differing(outputs(convert(net), x), wanted) == 0
    model = build_model(net, {}, GEOMETRY, quantized=True, postprocess=False)
    assert differing(run(model, "onnxruntime", x), wanted) == 0
    plain = onnxruntime.SessionOptions()
    plain.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(model.SerializeToString(), plain, providers=["CPUExecutionProvider"])
    found = session.run(list(wanted), {"image": x.numpy()})
    assert differing({name: torch.from_numpy(value) for name, value in zip(wanted, found)}, wanted) == 0


@EVERY
def test_equalization_leaves_the_function_as_it_is(case: str) -> None:
    """Whatever a leaf lets through: factors of channels are powers of two, so nothing is rounded."""
    net, x = float_net(case, odd=True), normalize_image(images(1, seed=1))
    fold_bn(net, ["nodes.*"])
    with torch.no_grad():
        for conv in (net.nodes["net"].first.conv, *(read.conv for read in net.nodes["net"].inputs.values())):
            factor = torch.exp2(-(torch.arange(conv.out_channels) % 6).float())
            conv.weight *= factor.view(-1, 1, 1, 1)
            conv.bias *= factor
    wanted = outputs(net, x)
    assert equalize_network(net, [x]) > 0
    assert differing(outputs(net, x), wanted) == 0


@ODD
@pytest.mark.parametrize("cases", SOME, ids=lambda cases: cases[0])
def test_openvino_equals_fake_quant(cases: Sequence[str], odd: bool) -> None:
    """Many leaves in one network: compiling one for each would take minutes."""
    net, x = frozen_net(*cases, odd=odd), images(1, seed=1)
    wanted = outputs(net, normalize_image(x))
    found = run(build_model(net, {}, GEOMETRY, quantized=True, postprocess=False), "openvino", x)
    assert {name: int((found[name] != value).sum()) for name, value in wanted.items()} == dict.fromkeys(wanted, 0)


@pytest.mark.parametrize("case", [name if name.startswith(("sum", "product", "mix")) else pytest.param(name, marks=pytest.mark.thorough)
                                  for name in CASES])
def test_openvino_equals_fake_quant_where_nothing_else_reads_the_layers_before(case: str) -> None:
    """Then kernels of 8 bits (CPUs with VNNI) take in what follows a convolution: most values of sums were wrong."""
    net, x = frozen_net(case, odd=True), images(1, seed=1)
    wanted = outputs(net, normalize_image(x))
    found = run(build_model(net, {}, GEOMETRY, quantized=True, postprocess=False), "openvino", x)
    assert differing(found, wanted) == 0


class OneMap(nn.Module):
    """A gate: a convolution with one output, and so one bias, in front of a table."""

    def __init__(self) -> None:
        super().__init__()
        self.first = ConvBNAct(3, 16, 1)
        self.one = ConvBNAct(16, 1, 3, activation="none", bn=False)
        self.gate = Table("sigmoid")
        self.last = ConvBNAct(1, 2, 1, activation="none", bn=False, output="accumulator")

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"logits": self.last(self.gate(self.one(self.first(x))))}


def test_halves_are_rounded_to_even_behind_a_bias_that_all_outputs_share() -> None:
    torch.manual_seed(0)
    net, x = MultiTaskNet({"head": OneMap()}, {"head": ("image",)}, {"seg": "head"}, {"head": ("seg",)}), images(1)
    randomize(net, normalize_image(x))
    prepare(net)
    calibrate(net, [normalize_image(x)])
    fold_bn(net, ["nodes.*"])
    one = net.nodes["head"].one
    product = one.bias_quant.accumulator.scale
    one.conv.bias.data.copy_(product)
    one.act_quant.scale.copy_(512 * product[0])
    freeze(net)
    wanted = outputs(net.eval(), normalize_image(x))
    model = build_model(net, {}, GEOMETRY, quantized=True, postprocess=False)
    for runtime in ("onnxruntime", "openvino"):
        assert differing(run(model, runtime, x), wanted) == 0, runtime


def run(model: onnx.ModelProto, runtime: str, x: torch.Tensor) -> dict[str, torch.Tensor]:
    return {name: torch.from_numpy(value) for name, value in build_executor(runtime, model, 1).run({"image": x.numpy()}).items()}


@EVERY
def test_float_files_compute_what_the_float_network_computes(case: str) -> None:
    net, x = float_net(case, odd=True), images(1, seed=1)
    model = build_model(net, {}, GEOMETRY, quantized=False, postprocess=False)
    for name, value in run(model, "onnxruntime", x).items():
        torch.testing.assert_close(value, outputs(net, normalize_image(x))[name], rtol=1e-3, atol=1e-3)


@EVERY
def test_a_file_gives_back_the_network(case: str, tmp_path: Path) -> None:
    net, x = frozen_net(case, odd=True), images(1, seed=1)
    wanted = outputs(net, normalize_image(x))
    path = tmp_path / "leaf.onnx"
    spec = ExportSpec(3, TASKS, GEOMETRY, graphs([case], odd=True), {"name": "leaf"}, "0123456789abcdef")
    info = export_model(net, spec, path, postprocess=False)
    file = DeployFile(path, info, onnx.load(path), path.stat().st_size, True)  # no image's labels: `read_deploy_file` would refuse it
    state = stored_integers(file)
    assert differing(outputs(fake_quant_network(file, state), normalize_image(x)), wanted) == 0
    assert differing(outputs(integer_network(file, state), x), wanted) == 0
    if "in parts" not in case:  # whose float32 sums are not exact in one piece; files of integers are not compared with this network
        assert differing(outputs(reference_network(file), normalize_image(x)), wanted) == 0


@pytest.mark.parametrize("case", [name for name, case in CASES.items() if case.prunable])
def test_a_pruned_network_computes_as_if_the_others_gave_0(case: str) -> None:
    net, x = float_net(case, odd=False), normalize_image(images(1, seed=1))
    program = read_program(net)
    scores = {call.name: torch.rand(call.module.conv.out_channels).numpy() for call in program.convs}
    groups = channel_groups(program, scores, align=1, blocks=False)
    removed = removed_channels({group.name: group.counts[len(group.counts) // 3] for group in groups}, groups)
    assert removed
    mask(net, removed)
    masked = outputs(net, x)
    prune(net, removed)
    assert all(net.get_submodule(name).conv.out_channels < len(scores[name]) for name in removed)
    torch.testing.assert_close(outputs(net, x), masked, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("case", [name for name, case in CASES.items() if IMAGE not in case.reads])
def test_a_leaf_trains_through_its_rounding(case: str) -> None:
    """Gradients reach the first layer, with and without rounding."""
    net = float_net(case, odd=False)
    prepare(net)
    calibrate(net, [normalize_image(images())])
    net.train()
    sum(logits.square().mean() for logits in net(normalize_image(images()))["seg"].values()).backward()
    gradient = net.nodes["net"].first.conv.weight.grad
    assert torch.isfinite(gradient).all()
    assert float(gradient.abs().sum()) > 0


def test_every_leaf_has_a_case() -> None:
    def below(cls: type[Leaf]) -> set[type[Leaf]]:
        found = {leaf for child in cls.__subclasses__() for leaf in below(child) or {child}}  # no class that others only build on
        return {leaf for leaf in found if leaf.__module__.startswith("mtzoo.")}

    seen = {type(module) for cases in SOME for module in build_network(graphs(cases, odd=False)).modules()}
    assert below(Leaf) <= seen
