"""What an exported network had to give up so that every sum is exact, in words."""

from torch import nn

from mtzoo.deploy.info import DeployInfo
from mtzoo.postprocess.decoders import LabelMapDecoder
from mtzoo.quantization import wide_layers


def exactness_lines(net: nn.Module, info: DeployInfo) -> list[str]:
    """What became coarser, or is computed in parts; empty for most networks. net: frozen; info: of its deploy model."""
    rounded = [f"{task}: its logits are rounded to steps of 2^{told.decoder.logit_exponent}, so that enlarging them stays exact"
               for task, told in info.tasks.items()
               if isinstance(told.decoder, LabelMapDecoder) and told.decoder.logit_exponent is not None]
    return [*map(str, wide_layers(net)), *rounded]
