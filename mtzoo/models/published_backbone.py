"""What backbones of other libraries have in common: lowered to leaves, features by name, published weights."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn

from mtzoo.errors import UserError
from mtzoo.lowering import EXAMPLE_HW, Lowered, parts_of
from mtzoo.lowering.meta import examples
from mtzoo.lowering.preprocessing import Preprocessing, fold_preprocessing
from mtzoo.lowering.strides import feature_specs, usual_features
from mtzoo.lowering.trace import trace
from mtzoo.lowering.weights_file import read_state_dict
from mtzoo.structures import FeatureSpec

IMAGENET = "imagenet"
"""`weights` for those that the library downloads itself."""


class Published(NamedTuple):
    """Weights, and what their network reads."""

    state: dict[str, Tensor]
    reads: Preprocessing
    source: str


class PublishedBackbone(Lowered):
    """Image (N, 3, H, W) -> the list of the asked features.

    A subclass builds the library's module without weights, and says where published weights are and what they read. They are taken
    by `start_from_published`, when a training begins: a network that is built to load a checkpoint needs none.
    """

    def __init__(self, module: nn.Module, in_specs: Sequence[FeatureSpec], *, features: Sequence[str] | None, output_stride: int | None,
                 weights: str | None, usual: Sequence[str] = ()) -> None:
        """usual: the features that the library itself would choose, if it says so."""
        shape = (in_specs[0].channels, *EXAMPLE_HW)
        traced = trace(module, examples([shape])[0])
        if features is not None:
            names = list(features)
        elif usual and all(name in traced.results for name in usual):
            names = list(usual)
        else:
            names = usual_features(module, traced, EXAMPLE_HW)
        if len(set(names)) != len(names) or not names:
            raise UserError(f"features={names}: expected one or more names, each once")
        super().__init__(parts_of(module, traced, features=names, output_stride=output_stride))
        self.weights = weights
        self.out_specs = feature_specs(self, names, shape)

    def start_from_published(self) -> str:
        """Load `weights`, mean, deviation and RGB order folded in; a line for the log.

        Raises UserError if they cannot be read or downloaded, or are of another architecture.
        """
        published = self.published_weights(str(self.weights))
        self.load_published(published.state, published.source)
        fold_preprocessing(self, published.reads)
        return f"{len(self.origins)} tensors from {published.source}"

    def published_weights(self, weights: str) -> Published:
        """What `weights` names: a file, or "imagenet"."""
        if weights != IMAGENET:
            return Published(read_state_dict(Path(weights)), self.file_reads(), weights)
        return self.download()

    def file_reads(self) -> Preprocessing:
        """What a network whose weights come from a file reads."""
        raise NotImplementedError

    def download(self) -> Published:
        """The library's own ImageNet weights. Raises UserError where there are none, or no network."""
        raise NotImplementedError


def cannot_download(library: str, name: str, error: Exception) -> UserError:
    """The one line for weights that the library could not fetch."""
    why = " ".join(str(error).split())[:160]
    return UserError(f"weights='{IMAGENET}': {library} cannot download those of {name} ({type(error).__name__}: {why}); "
                     "give the path of a state dict instead")


@torch.no_grad()
def start_from_published(net: nn.Module) -> list[str]:
    """Every node with published weights takes them; a line for each. For a network that starts anew."""
    return [f"{path}: {module.start_from_published()}" for path, module in net.named_modules()
            if isinstance(module, PublishedBackbone) and module.weights is not None]
