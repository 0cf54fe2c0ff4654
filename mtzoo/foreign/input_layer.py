"""The image input of a foreign network, which reads (x / 255 - mean) / std: folded into what reads the image.

The integer network reads u = (x - 128) / 128. A convolution takes up the difference in its weights, see `mtzoo.lowering.preprocessing`,
and zeros around its map become the mean colour. Whatever else reads the image gets it normalised, in 8 bits.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from mtzoo.layers import Border, ConvBNAct
from mtzoo.lowering import Lowered
from mtzoo.lowering.lowered import Run
from mtzoo.lowering.preprocessing import Preprocessing, fold_into

NORMALIZED = "image_normalized"


def fold_image(net: Lowered, mean: Sequence[float], std: Sequence[float]) -> None:
    """Change `net`, in place, so that it reads (x - 128) / 128 of the same image. mean, std: in the order of its channels."""
    image, reads = net.inputs[0], Preprocessing(tuple(mean), tuple(std), is_rgb=False)
    border = [(round(255 * value) - 128) / 128 for value in mean]
    runs: list[Run] = []
    for run in net.runs:
        if image not in run.inputs:
            runs.append(run)
            continue
        leaf = net.get_submodule(run.path)
        if not (isinstance(leaf, ConvBNAct) and run.inputs == (image,) and leaf.conv.groups == 1):
            if all(done.path != NORMALIZED for done in runs):
                net.place(NORMALIZED, _normalizing(reads))
                runs.append(Run(NORMALIZED, (image,)))
            runs.append(Run(run.path, tuple(NORMALIZED if name == image else name for name in run.inputs)))
            continue
        fold_into(leaf, reads)
        if any(leaf.pads) and any(border):
            name = f"{run.path}_border"
            net.place(name, Border(leaf.pads, border))
            net.place(run.path, _unpadded(leaf))
            runs.append(Run(name, (image,)))
            run = Run(run.path, (name,))
        runs.append(run)
    net.runs = runs


def _normalizing(reads: Preprocessing) -> ConvBNAct:
    """scale * u + shift of each channel."""
    scale, shift = (value.float() for value in reads.affine())
    leaf = ConvBNAct(3, 3, 1, groups=3, activation="none", bn=False, weight=scale.view(3, 1, 1, 1))
    with torch.no_grad():
        leaf.conv.bias.copy_(shift)
    return leaf


def _unpadded(leaf: ConvBNAct) -> ConvBNAct:
    """The same convolution without zeros of its own."""
    made = ConvBNAct(**{**leaf.arguments, "padding": 0})
    state: dict[str, Tensor] = leaf.state_dict()
    made.load_state_dict(state)
    return made.train(leaf.training)
