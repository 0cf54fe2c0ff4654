"""What a training reads: its samples, and the sizes that it sees them in."""

from collections.abc import Iterable

from mtzoo.config import ExperimentConfig
from mtzoo.console import PlainConsole
from mtzoo.data.dataset import MultiTaskDataset
from mtzoo.data.multi_scale import sizes_between
from mtzoo.engine.evaluate import task_data, train_pipeline
from mtzoo.engine.stages import config_network
from mtzoo.errors import UserError, cut
from mtzoo.graph import result_shapes
from mtzoo.models import MultiTaskNet, network_stride

Sizes = tuple[tuple[int, int], ...]


def training_sizes(config: ExperimentConfig) -> Sizes:
    """The input sizes (height, width) of `augmentation.multi_scale`, the largest last; none without it.

    Raises UserError for a size that the network cannot read.
    """
    scale = config.augmentation.multi_scale
    if scale is None:
        return ()
    net = config_network(config)
    sizes = sizes_between(config.train_geometry.crop_hw, scale.scale_range, network_stride(net))
    check_readable(net, sizes, "augmentation.multi_scale: the network")
    return sizes


def check_readable(net: MultiTaskNet, sizes: Iterable[tuple[int, int]], which: str) -> None:
    """Raises UserError naming the first size (height, width) of images that a network cannot read. which: network it is."""
    for hw in sizes:
        try:
            result_shapes(net, hw)
        except (RuntimeError, ValueError) as error:
            raise UserError(f"{which} cannot read images of {hw[0]}x{hw[1]}: {' '.join(str(error).split())}") from error


def training_set(config: ExperimentConfig, sizes: Sizes, console: PlainConsole, *, of_validation: bool) -> MultiTaskDataset:
    """The training samples, with a line for classes that are rare. of_validation: those of the validation sources, as in a pipeline
    test."""
    dataset = MultiTaskDataset(task_data(config, "val" if of_validation else "train"), train_pipeline(config), seed=config.env.seed,
                               cache_mb=config.env.cache_mb, largest_hw=sizes[-1] if sizes else None)
    for task, classes in (dataset.repeats.classes if dataset.repeats else {}).items():
        rare = [f"'{cut(name)}' {factor:.1f} times, in {100 * share:.2g} % of them" for name, (share, factor) in classes.items()]
        found = f"images with a rare class come more often: {'; '.join(rare)}" if rare else "nothing, no class is that rare"
        console.print(f"tasks.{task}.oversample_thr: {found}")
    return dataset
