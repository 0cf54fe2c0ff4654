"""What a network's integers say of its logits: how large they can be, and so what enlarging them to label maps needs."""

from collections.abc import Mapping
from dataclasses import replace

from torch import nn

from mtzoo.errors import UserError
from mtzoo.layers.writer import to_numpy
from mtzoo.postprocess.decoders import Decoder, LabelMapDecoder, logit_exponent
from mtzoo.quantization import convert


def exact_decoders(net: nn.Module, decoders: Mapping[str, Decoder]) -> dict[str, Decoder]:
    """The decoders, those of an integer network's logits with the `logit_exponent` that keeps their label maps exact.

    One and the same decision for the fake-quant network, whatever runs it, and for its deploy model. A network that is no
    integer network (in float, with live BN or float parts, with sums beyond 2^24) gets them back as they are.
    """
    wanted = {task: decoder for task, decoder in decoders.items() if isinstance(decoder, LabelMapDecoder) and decoder.upsample > 1}
    if not wanted:
        return dict(decoders)
    try:
        integer = convert(net)
    except UserError:
        return dict(decoders)
    exact = {task: replace(decoder, logit_exponent=logit_exponent(*map(to_numpy, integer.bound(task, "logits")), decoder.upsample))
             for task, decoder in wanted.items()}
    return {task: exact.get(task, decoder) for task, decoder in decoders.items()}
