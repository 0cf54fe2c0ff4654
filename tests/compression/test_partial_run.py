import torch

from mtzoo.compression.channels import channel_groups, removed_channels
from mtzoo.compression.importance import weight_scores
from mtzoo.compression.partial_run import needed_calls, pruned_part, run_calls
from mtzoo.compression.pruning import prune
from mtzoo.graph import IMAGES, read_program
from tests.quantization.helpers import outputs
from tests.tiny import tiny_graphs


def test_a_group_alone_gives_what_the_pruned_network_gives_bit_for_bit(wide_net, batches):
    net = wide_net(tiny_graphs())
    program, scores = read_program(net), weight_scores(net, "l2")
    x = batches[0].contiguous(memory_format=torch.channels_last)
    original = {IMAGES: x, **run_calls(program.calls, {IMAGES: x})}
    whole = {f"{task}.{name}": original[call] for task, maps in program.outputs.items() for name, call in maps.items()}
    assert all(torch.equal(value, whole[name]) for name, value in outputs(net, x).items())
    for group in channel_groups(program, scores, align=4)[::5]:
        removed = removed_channels({group.name: group.counts[-1]}, [group])
        part = pruned_part(program, removed)
        found = part.outputs(original, net.tasks)
        pruned = wide_net(tiny_graphs())
        prune(pruned, removed)
        expected = pruned(x)
        assert found.keys() <= expected.keys()
        for task, maps in expected.items():
            for name, value in maps.items():
                assert torch.equal(found[task][name] if task in found else original[program.outputs[task][name]], value)


def test_a_head_leaves_the_other_task_and_the_trunk_alone(wide_net):
    net = wide_net(tiny_graphs())
    program = read_program(net)
    group = next(g for g in channel_groups(program, weight_scores(net, "l2"), align=4) if g.name.startswith("nodes.det_head.towers.0."))
    part = pruned_part(program, removed_channels({group.name: group.counts[1]}, [group]))
    assert set(part.program.outputs) == {"det"}
    assert all(call.name.startswith("nodes.det_head.") for call in part.program.calls)
    assert part.outputs({}, ["seg"]) == {}  # nothing is run for a task that does not change
    whole = {call.name for call in needed_calls(program, {"seg": program.outputs["seg"]})}
    assert "nodes.backbone.stem" in whole
    assert not any("det_head" in name for name in whole)
