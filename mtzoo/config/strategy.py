"""Strategy files of PaddleSlim's automatic compression (ACT): what they ask for, in the words of this product's own tools.

Every key is translated, told to change nothing, or refused with its file and name (docs/from_paddle.md).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from mtzoo.config.section import Section, read_sections
from mtzoo.config.strategy_methods import (
    ChannelPruning,
    read_channel_prune,
    read_distillation,
    read_quant_aware,
    read_quant_post,
    read_semi_structured,
    read_unstructured,
)
from mtzoo.config.strategy_training import TrainingPlan, read_train_config
from mtzoo.errors import UserError, did_you_mean

IDLE_GLOBALS = ("model_dir", "model_filename", "params_filename", "input_name", "input_list", "input_shapes", "model_type", "arch",
                "num_classes", "batch_size", "data_dir", "image_path", "save_dir")
REFUSED = {
    "MultiTeacherDistillation": "there is one teacher; write Distillation",
    "HyperParameterOptimization": "calibration is not searched over; write QuantPost with the algorithm you want",
    "TransformerPrune": "no network here has attention layers to prune; write ChannelPrune",
}


@dataclass(frozen=True)
class Strategy:
    """What a strategy file asks for; with no method in it, an automatic search.

    pruning, sparsity, quantization: methods, None for those it does not name; quantization, sparsity, distillation: keys of the
    config's entries of these names (of distillation's `teacher` None: the network before); float_patterns: layers that stay in float;
    calibration_images, bias_correction: of quantization by calibration alone (`calibrated`); dataset, hardware: what Global names;
    notes: a line for each key that changes nothing or means something else here.
    """

    path: Path
    pruning: ChannelPruning | None = None
    sparsity: Mapping[str, Any] | None = None
    quantization: Mapping[str, Any] | None = None
    float_patterns: tuple[str, ...] = ()
    calibrated: bool = False
    calibration_images: int | None = None
    bias_correction: bool = False
    distillation: Mapping[str, Any] | None = None
    training: TrainingPlan = field(default_factory=TrainingPlan)
    dataset: Path | None = None
    hardware: str | None = None
    notes: tuple[str, ...] = ()

    @property
    def names_methods(self) -> bool:
        """Whether it says what is to be done, so that nothing is searched."""
        return any(method is not None for method in (self.pruning, self.sparsity, self.quantization))

    @property
    def trains_float(self) -> bool:
        return self.pruning is not None or self.sparsity is not None

    @property
    def trains(self) -> bool:
        """Whether one of its methods is more than calibration."""
        return self.trains_float or self.quantization is not None and not self.calibrated


def read_strategy(path: Path) -> Strategy:
    """Raises UserError naming the file and the key for what cannot be done here. Nothing in the file is executed."""
    notes: list[str] = []
    sections = {name: Section(path, name, values, notes) for name, values in read_sections(path, "strategy file").items()}
    _check_sections(path, sections)
    found: dict[str, Any] = {}
    for name, section in sections.items():
        found.update(READERS[name](section))
        section.finish()
    training = found.pop("training", TrainingPlan())
    iterations = found.pop("gmp_iterations", None)
    if iterations is not None and training.epochs is None and training.iterations is None:
        training = replace(training, iterations=iterations)
    strategy = Strategy(path, **found, training=training)
    if strategy.names_methods and not strategy.trains:
        idle = {"TrainConfig": replace(training, origin_metric=None) != TrainingPlan(), "Distillation": "Distillation" in sections}
        notes += [f"{path}: {name}: changes nothing; QuantPost trains nothing" for name, given in idle.items() if given]
    return replace(strategy, notes=tuple(notes))


def _check_sections(path: Path, sections: Mapping[str, Section]) -> None:
    for name in sections:
        if name in REFUSED:
            raise UserError(f"{path}: {name}: {REFUSED[name]}")
        if name not in READERS:
            raise UserError(f"{path}: {name}: unknown key{did_you_mean(name, READERS)}")
    for names in (("Quantization", "QuantAware", "QuantPost"), ("UnstructurePrune", "ASPPrune")):
        both = [name for name in names if name in sections]
        if len(both) > 1:
            raise UserError(f"{path}: {both[1]}: {both[0]} is there, too; keep one of them")
    if "Distillation" in sections and not sections.keys() - {"Distillation", "Global", "TrainConfig"}:
        raise UserError(f"{path}: Distillation: alone it makes nothing smaller; add UnstructurePrune, ChannelPrune or QuantAware, or "
                        "remove it for an automatic search")


def _read_global(section: Section) -> dict[str, Any]:
    section.tell(IDLE_GLOBALS, "the network is that of --config and --checkpoint")
    dataset = section.take("reader_config", str, None)
    return {"dataset": None if dataset is None else Path(dataset), "hardware": section.take("deploy_hardware", str, None)}


READERS = {
    "Global": _read_global, "Distillation": read_distillation, "Quantization": read_quant_aware, "QuantAware": read_quant_aware,
    "QuantPost": read_quant_post, "UnstructurePrune": read_unstructured, "ASPPrune": read_semi_structured,
    "ChannelPrune": read_channel_prune, "TrainConfig": read_train_config,
}
