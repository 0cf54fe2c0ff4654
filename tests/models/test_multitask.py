import pytest
import torch

from mtzoo.models import build_network
from mtzoo.structures import flatten_outputs
from tests.tiny import HW, tiny_graphs


@pytest.fixture(scope="module")
def net():
    return build_network(tiny_graphs()).eval()


def test_output_names_and_shapes(net):
    with torch.no_grad():
        outputs = flatten_outputs(net(torch.zeros(2, 3, *HW)))
    h, w = HW
    expected = {"seg.logits": (2, 3, h // 4, w // 4)}
    for stride in (8, 16, 32):
        expected |= {f"det.cls_s{stride}": (2, 2, h // stride, w // stride), f"det.box_s{stride}": (2, 4, h // stride, w // stride)}
    assert {name: tuple(value.shape) for name, value in outputs.items()} == expected


def test_the_trunk_runs_once_for_all_tasks(net):
    calls = []
    hooks = [node.register_forward_hook(lambda m, i, o, name=name: calls.append(name)) for name, node in net.nodes.items()]
    with torch.no_grad():
        net(torch.zeros(1, 3, *HW))
    for hook in hooks:
        hook.remove()
    assert calls == ["backbone", "neck", "det_head", "seg_head"]


def test_shared_and_unshared_parameters_are_a_partition(net):
    unshared, shared = net.get_unshared_and_shared_params()
    assert set(unshared) == {"det", "seg"}
    names = shared + unshared["det"] + unshared["seg"]
    assert len(names) == len(set(names))
    assert set(names) == {name for name, _ in net.named_parameters()}
    assert all(name.startswith(("nodes.backbone.", "nodes.neck.")) for name in shared)
    assert all(name.startswith("nodes.det_head.") for name in unshared["det"])


def test_a_task_alone_shares_nothing():
    net = build_network({"seg": tiny_graphs()["seg"]})
    unshared, shared = net.get_unshared_and_shared_params()
    assert shared == []
    assert set(unshared["seg"]) == {name for name, _ in net.named_parameters()}


def test_gradients_reach_the_trunk_from_each_task_and_no_foreign_head():
    net = build_network(tiny_graphs())
    for task, foreign in (("det", "seg_head"), ("seg", "det_head")):
        net.zero_grad(set_to_none=True)
        sum(value.square().sum() for value in net(torch.randn(1, 3, *HW))[task].values()).backward()
        assert all(p.grad is not None for p in net.nodes["backbone"].parameters())
        assert all(p.grad is None for p in net.nodes[foreign].parameters())


def test_one_task_is_the_same_network_as_in_the_pair(net):
    """Weights by name: what a pair has learnt, a single-task network can take over."""
    alone = build_network({"seg": tiny_graphs()["seg"]}).eval()
    alone.load_state_dict({name: value for name, value in net.state_dict().items() if not name.startswith("nodes.det_head.")})
    x = torch.randn(1, 3, *HW)
    with torch.no_grad():
        assert torch.equal(alone(x)["seg"]["logits"], net(x)["seg"]["logits"])
