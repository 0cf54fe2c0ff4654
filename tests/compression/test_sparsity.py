import pytest
import torch

from mtzoo.compression.sparsity import Sparsifier, Sparsity, layer_scores, next_masks, sparse_layers
from mtzoo.errors import UserError
from mtzoo.models import build_network
from mtzoo.quantization import QConfigMap, calibrate, convert, fold_bn, freeze, integer_state, prepare
from tests.tiny import HW, tiny_graphs


@pytest.fixture(scope="module")
def net():
    torch.manual_seed(0)
    return build_network(tiny_graphs())


def weights(seed=0):
    make = torch.Generator().manual_seed(seed)
    return {"a": torch.randn(8, 4, 3, 3, generator=make), "b": 100 * torch.randn(16, 8, 1, 1, generator=make)}


def zeros(masks):
    return sum(int((~mask).sum()) for mask in masks.values()) / sum(mask.numel() for mask in masks.values())


@pytest.mark.parametrize(("values", "message"), [
    ({}, "'ratio' is missing"), ({"ratio": 0.0}, "ratio=0.0: must lie between 0 and 1"), ({"ratio": 1.0}, "ratio=1.0"),
    ({"ratio": 0.75, "pattern": "2:4"}, "a ratio of its own; give one"), ({"pattern": "4:2"}, "expected 'unstructured', or N of M"),
    ({"pattern": "blocks"}, "expected 'unstructured', or N of M"), ({"ratio": 0.5, "begin": 0.5, "end": 0.2}, "begin < end"),
    ({"ratio": 0.5, "interval": 0}, "interval=0"), ({"ratio": 0.5, "initial_ratio": 0.5}, "initial_ratio=0.5: must be"),
])
def test_what_cannot_be_is_told(values, message):
    with pytest.raises(UserError, match=message):
        Sparsity(**values)


def test_the_way_is_cubic_and_ends_where_it_should():
    sparsity = Sparsity(ratio=0.8, begin=0.2, end=0.6, interval=10)
    assert [round(sparsity.progress(i, 100), 3) for i in (0, 20, 30, 40, 60, 100)] == [0, 0, 0.578, 0.875, 1, 1]
    assert [i for i in range(1, 101) if sparsity.is_due(i, 100)] == [10, 20, 30, 40, 50, 60]
    assert [i for i in range(1, 8) if sparsity.is_due(i, 7)] == [5]  # a short phase gets there, too


def test_the_smallest_go_by_layer_or_against_all_others():
    given = weights()
    for scope in ("layer", "global"):
        masks = next_masks(given, Sparsity(ratio=0.75, scope=scope), 1.0)
        assert zeros(masks) == pytest.approx(0.75, abs=0.005)
        for name, mask in masks.items():
            assert float(given[name][mask].abs().min()) > float(given[name][~mask].abs().max())
        if scope == "layer":
            assert [round(float((~m).float().mean()), 2) for m in masks.values()] == [0.75, 0.75]
    scaled = next_masks({"a": 1000 * given["a"], "b": given["b"]}, Sparsity(ratio=0.75), 1.0)
    assert all(torch.equal(scaled[name], masks[name]) for name in masks)  # a layer's scale is BN's matter


def test_a_score_is_the_share_of_what_would_be_left():
    scores = layer_scores(torch.tensor([3.0, -1.0, 0.0, 2.0]).view(4, 1, 1, 1)).flatten()
    assert scores.tolist() == pytest.approx([1.0, 1 / 14, 0.0, 4 / 13])


def test_the_initial_ratio_goes_at_once_when_the_way_begins():
    """Of 20 weights a half goes, a tenth of them at first."""
    sparsity = Sparsity(ratio=0.5, begin=0.2, end=0.6, scope="layer", initial_ratio=0.1)
    given = {"a": torch.arange(1, 21).reshape(5, 4, 1, 1).float()}
    shares = [zeros(next_masks(given, sparsity, progress)) for progress in (0.0, 1e-6, 0.5, 1.0)]
    assert shares == [0, 0.1, 0.3, 0.5]


def test_only_pointwise_layers_take_part_if_so_wanted(net):
    every, pointwise = sparse_layers(net, Sparsity(ratio=0.5)), sparse_layers(net, Sparsity(ratio=0.5, pointwise_only=True))
    assert {layer.conv.kernel_size for layer in pointwise.values()} == {(1, 1)}
    assert set(every) - set(pointwise) == {name for name, layer in every.items() if layer.conv.kernel_size != (1, 1)} != set()


def test_of_four_input_channels_two_stay():
    given = weights()
    for progress in (0.0, 0.5, 1.0):
        masks = next_masks(given, Sparsity(pattern="2:4"), progress)
        groups = torch.cat([mask.permute(0, 2, 3, 1).reshape(-1, 4) for mask in masks.values()])
        assert int(groups.sum(dim=1).min()) >= 2
        assert float((~groups).float().mean()) == pytest.approx(0.5 * progress, abs=0.002)
    values = torch.cat([given[name].abs().permute(0, 2, 3, 1).reshape(-1, 4) for name in masks])
    assert torch.allclose((values * groups).sum(1), values.sort(dim=1).values[:, 2:].sum(1))  # the two largest


@pytest.mark.parametrize("sparsity", [Sparsity(ratio=0.6), Sparsity(ratio=0.6, scope="layer"), Sparsity(pattern="2:4")])
def test_zeros_never_come_back(sparsity):
    given, masks = weights(), {}
    for progress in (0.3, 0.9, 1.0, 0.2):
        again = next_masks(given, sparsity, progress)
        assert all(not bool((again[name] & ~mask).any()) for name, mask in masks.items())
        masks = again
        noise = weights(7)  # what stays moves
        given = {name: (value + noise[name]) * masks[name] for name, value in given.items()}


def test_the_first_layer_and_the_last_of_heads_keep_theirs(net):
    layers = sparse_layers(net, Sparsity(ratio=0.5))
    assert "nodes.backbone.stem" not in layers
    assert not any(layer.output == "accumulator" for layer in layers.values())
    assert "nodes.seg_head.pointwise" in layers
    left = sparse_layers(net, Sparsity(ratio=0.5, not_sparse_pattern=("nodes.seg_head.*",)))
    assert {name.split(".")[1] for name in left} == {"backbone", "neck", "det_head"}
    assert len(sparse_layers(net, Sparsity(pattern="1:3"))) < len(layers)  # where 3 does not divide the channels


def test_patterns_that_match_nothing_or_all_are_told(net):
    with pytest.raises(UserError, match=r"not_sparse_pattern: 'nodes.head.\*' matches no layer"):
        sparse_layers(net, Sparsity(ratio=0.5, not_sparse_pattern=("nodes.head.*",)))
    with pytest.raises(UserError, match="no layer is left"):
        sparse_layers(net, Sparsity(ratio=0.5, not_sparse_pattern=("*",)))


def test_momentum_revives_nothing_and_integers_keep_the_zeros():
    """Ten updates with momentum, each after_step; then fold, fake-quant and integers."""
    torch.manual_seed(0)
    net = build_network(tiny_graphs())
    sparsifier = Sparsifier(net, Sparsity(ratio=0.75, end=0.5, interval=2), total=10)
    optimizer = torch.optim.SGD(net.parameters(), lr=1e-3, momentum=0.9)
    before = 0
    for iteration in range(1, 11):
        optimizer.zero_grad()
        sum(value.square().mean() for maps in net(torch.randn(2, 3, *HW)).values() for value in maps.values()).backward()
        optimizer.step()
        sparsifier.after_step(iteration)
        masks = {name: weight == 0 for name, weight in sparsifier.weights.items()}
        count = sum(int(mask.sum()) for mask in masks.values())
        assert count >= before
        before = count
    assert "75.0% of" in sparsifier.summary()
    prepare(net, QConfigMap())
    fold_bn(net, ["nodes.*"])
    calibrate(net, [torch.randn(1, 3, *HW)])
    freeze(net)
    convert(net)
    state = integer_state(net)
    assert all(not bool(state[f"{name}.weight"][mask].any()) for name, mask in masks.items())


def test_a_network_that_is_sparse_stays_so_from_the_first_step():
    net = build_network(tiny_graphs())
    first = Sparsifier(net, Sparsity(ratio=0.5), total=1)
    first.after_step(1)
    second = Sparsifier(net, Sparsity(ratio=0.5), total=100)
    masks = {name: weight != 0 for name, weight in second.weights.items()}
    for iteration in (1, 10, 50):
        with torch.no_grad():
            for weight in second.weights.values():
                weight += 1.0
        second.after_step(iteration)
    assert all(torch.equal(weight != 0, masks[name]) for name, weight in second.weights.items())
