"""Which of a neck's levels a head reads."""

from collections.abc import Sequence

from mtzoo.structures import FeatureSpec


def select_levels(in_specs: Sequence[FeatureSpec], strides: Sequence[int]) -> tuple[list[int], list[FeatureSpec]]:
    """Indices and specs of the features with the wanted strides. Raises ValueError if one is not there, or two are."""
    if not strides or len(set(strides)) != len(strides):
        raise ValueError(f"strides={list(strides)}: expected one or more strides, each once")
    have = [spec.stride for spec in in_specs]
    missing = [stride for stride in strides if stride not in have]
    if missing:
        raise ValueError(f"no feature of stride {missing[0]}; the inputs have strides {have}")
    for stride in strides:
        names = [spec.name for spec in in_specs if spec.stride == stride]
        if len(names) > 1:
            raise ValueError(f"{len(names)} features have stride {stride}: {', '.join(names)}; name the one that is meant in "
                             f"the node's inputs, e.g. inputs=['backbone.{names[-1]}']")
    picked = [have.index(stride) for stride in strides]
    return picked, [in_specs[i] for i in picked]
