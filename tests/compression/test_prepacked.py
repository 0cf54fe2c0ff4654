import torch

from mtzoo.compression.partial_run import run_calls
from mtzoo.compression.prepacked import PrepackedConv, pack
from mtzoo.graph import IMAGES, read_program
from mtzoo.layers import ConvBNAct
from tests.tiny import tiny_graphs


def test_packed_convolutions_compute_the_same(folded, batches):
    program, made = read_program(folded), {}
    packed = pack(program, made)
    assert sum(isinstance(call.module, PrepackedConv) for call in packed.calls) == len(program.convs)
    assert pack(program, made).calls == packed.calls  # what is packed is packed once
    x = batches[0].contiguous(memory_format=torch.channels_last)
    plain, quick = (run_calls(p.calls, {IMAGES: x}) for p in (program, packed))
    for name, value in plain.items():
        torch.testing.assert_close(quick[name], value, rtol=1e-4, atol=1e-4)


def test_what_cannot_be_packed_stays_as_it_is(wide_net):
    program = read_program(wide_net(tiny_graphs()))  # BN is live
    assert all(isinstance(call.module, ConvBNAct) for call in pack(program, {}).calls if call.name.startswith("nodes.det_head.towers"))
