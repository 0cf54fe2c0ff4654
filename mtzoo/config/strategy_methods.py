"""The methods of a strategy file, section by section -> entries of `mtzoo.config.strategy.Strategy`."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mtzoo.config.distillation import Distillation
from mtzoo.config.section import Section
from mtzoo.errors import UserError, shown
from mtzoo.quantization import QConfig
from mtzoo.quantization.other_names import own_pattern

IMPORTANCES = {"l1_norm": "l1", "bn_scale": "bn_scale", "geometry_median": "fpgm"}
OBSERVERS = {"abs_max": "abs_max", "avg": "moving_average_abs_max", "hist": "percentile", "mse": "mse"}
"""PaddleSlim's algorithms of calibration -> observers."""
QUANTIZATION_KEYS = ("weight_bits", "activation_bits", "weight_quantize_type", "activation_quantize_type", "quantize_op_types",
                     "moving_rate")
SKIP_MARK = "skip_quant"
"""PaddleSlim's own mark of operators that stay in float, the default of not_quant_pattern."""
PROGRAM_NAME = re.compile(r".*\.(tmp|w|b)_\d+|.*_weights")
"""What a Paddle program calls a tensor: "conv2d_17.w_0", "batch_norm_47.tmp_2"."""


@dataclass(frozen=True)
class ChannelPruning:
    """ratio: share of each layer's channels to remove; importance: one of `mtzoo.settings.pruning.IMPORTANCES`; layers: convolutions
    whose channels may go, none for all."""

    ratio: float
    importance: str = "l1"
    layers: tuple[str, ...] = ()


def read_distillation(section: Section) -> dict[str, Any]:
    """alpha, loss, node, teacher."""
    losses = _listed(section.take("loss", str | tuple[str, ...], ()))
    for loss in losses:
        if loss not in ("l2", "soft_label"):
            raise section.fault("loss", "'soft_label' is what there is, and 'l2', which is read as that")
    if "l2" in losses:
        section.note("loss", "'l2' is read as 'soft_label': segmentation logits learn by the divergence of their probabilities")
    alphas = {float(alpha) for alpha in _listed(section.take("alpha", float | tuple[float, ...], 1.0))}
    if len(alphas) != 1:
        raise section.fault("alpha", "expected one factor for all; 'distillation.outputs' of the config has one for each task")
    nodes = _listed(section.take("node", str | tuple[str, ...], ()))
    _tell_program_names(section, "node", nodes, "the answers of all tasks are what is learnt")
    section.tell(("merge_feed",), "teacher and student always see the same image")
    values = {"weight": alphas.pop(), "features": {name: 1.0 for name in nodes if not PROGRAM_NAME.fullmatch(name)},
              "teacher": _teacher(section)}
    _checked(section, lambda: Distillation(**{**values, "teacher": values["teacher"] or "the network before"}), "")
    return {"distillation": values}


def _teacher(section: Section) -> str | None:
    folder, file = section.take("teacher_model_dir", str, None), section.take("teacher_model_filename", str, None)
    section.tell(("teacher_params_filename",), "a checkpoint holds network and weights")
    path = f"{folder}/{file}" if folder and file else folder or file
    if path is not None and not path.endswith(".pt"):
        raise section.fault("teacher_model_dir" if folder else "teacher_model_filename",
                            "an inference model of Paddle is not read; name a checkpoint, or leave it out: the network before teaches")
    return path


def read_quant_aware(section: Section) -> dict[str, Any]:
    """Training with quantization."""
    section.tell(("use_pact",), "ranges are observed, not learnt")
    section.tell(("window_size",), "the range over a whole calibration is what 'range_abs_max' takes")
    section.tell(("for_tensorrt", "is_full_quantize"), "quantize_op_types and not_quant_pattern say what is quantized")
    section.tell(("quant_post_first", "scale_trainable", "name"), "ranges are calibrated first, then observed while training")
    return _quantization(section)


def read_quant_post(section: Section) -> dict[str, Any]:
    """Calibration alone."""
    algorithm, percent = section.take("algo", str, None), section.take("hist_percent", float, None)
    if algorithm is not None and algorithm not in OBSERVERS:
        raise section.fault("algo", f"expected one of {', '.join(OBSERVERS)}")
    if algorithm == "avg":
        section.note("algo", "the mean of the batches' largest values is taken as a moving average")
    if section.has("recon_level"):
        raise section.fault("recon_level", "layers are not trained one by one; write QuantAware, or leave it out")
    section.tell(("regions", "epochs", "lr", "simulate_activation_quant"), "they belong to recon_level")
    section.tell(("is_full_quantize", "for_tensorrt"), "quantize_op_types and not_quant_pattern say what is quantized")
    if section.has("skip_tensor_list"):
        raise section.fault("skip_tensor_list", "tensors of a Paddle program have no counterpart; write not_quant_pattern")
    batches, size = section.count("batch_nums", None), section.count("batch_size", 32)
    if batches is None:
        section.tell(("batch_size",), "without batch_nums --calib-images says how many images are seen")
    own: dict[str, Any] = {} if algorithm is None else {"observer": OBSERVERS[algorithm]}
    if algorithm not in (None, "hist"):
        section.tell(("hist_percent",), f"algo '{algorithm}' does not read it")
    elif percent is not None:
        own = {"observer": "percentile", "percentile": 100 * section.fraction("hist_percent", None)}
    return {**_quantization(section, own), "calibrated": True, "bias_correction": section.take("bias_correct", bool, False),
            "calibration_images": None if batches is None else batches * size}


def _quantization(section: Section, own: dict[str, Any] | None = None) -> dict[str, Any]:
    """What both have in common. own: keys that are the section's own, in QConfig's words."""
    if section.take("dtype", str, "int8") != "int8":
        raise section.fault("dtype", "'int8' is what there is")
    if not section.take("onnx_format", bool, True):
        section.note("onnx_format", "changes nothing; the deploy model is ONNX in any case")
    given = {key: section.values[key] for key in QUANTIZATION_KEYS if section.has(key)}
    if own and "activation_quantize_type" in given:
        raise section.fault("activation_quantize_type", "the algorithm says how ranges are found; remove one of the two")
    values = _checked(section, lambda: QConfig.in_own_names(given), "") | (own or {})
    _checked(section, lambda: QConfig(**values), "qconfig.")
    patterns = _listed(section.take("not_quant_pattern", str | tuple[str, ...], ()))
    return {"quantization": values, "float_patterns": tuple(own_pattern(name) for name in patterns if name != SKIP_MARK)}


def read_unstructured(section: Section) -> dict[str, Any]:
    """Zeros anywhere: by GMP, more and more of them, or all at the first iteration."""
    if section.take("prune_mode", str, "ratio") != "ratio":
        raise section.fault("prune_mode", "'ratio' is what there is: a threshold says nothing of how many weights go")
    section.tell(("threshold",), "prune_mode 'ratio' does not read it")
    kind = section.take("prune_params_type", str, None)
    if kind not in (None, "conv1x1_only"):
        raise section.fault("prune_params_type", "expected 'conv1x1_only', or nothing for all convolutions")
    ratio = section.fraction("ratio", None)
    if ratio is None:
        raise UserError(f"{section.where('ratio')}: is missing; add the share of the weights to be zero, e.g. 0.75")
    found: dict[str, Any] = {"ratio": ratio, "pointwise_only": kind is not None,
                             "scope": "layer" if section.take("local_sparsity", bool, False) else "global"}
    strategy = section.take("prune_strategy", str, None)
    if strategy == "gmp":
        return _gmp(section, found)
    if strategy is not None:
        raise section.fault("prune_strategy", "expected 'gmp', or nothing for all zeros at once")
    section.tell(("gmp_config",), "prune_strategy is not 'gmp'")
    return {"sparsity": {**found, "begin": 0.0, "end": 1e-9, "interval": 1}}


def _gmp(section: Section, found: dict[str, Any]) -> dict[str, Any]:
    """Gradual magnitude pruning: nothing, then a cubic way, then no more zeros. Shares of the training, however long that is."""
    config = section.child("gmp_config")
    if config is None:
        raise UserError(f"{section.where('gmp_config')}: is missing; prune_strategy 'gmp' needs pruning_iterations and the like")
    stable, tuning = config.count("stable_iterations", 0, 0), config.count("tunning_iterations", 0, 0)
    way, steps = config.count("pruning_iterations", None), config.count("pruning_steps", 100)
    initial = config.take("initial_ratio", float, 0.0)
    if way is None:
        raise UserError(f"{config.where('pruning_iterations')}: is missing; add how many iterations lead to the ratio")
    if not 0 <= initial < found["ratio"]:
        raise config.fault("initial_ratio", f"must be 0 or more, and less than the ratio of {found['ratio']}")
    if config.take("resume_iteration", int, -1) > 0:
        raise config.fault("resume_iteration", "--resume goes on where an interrupted run was")
    config.finish()
    total = stable + way + tuning
    return {"sparsity": {**found, "begin": stable / total, "end": (stable + way) / total, "interval": max(1, way // steps),
                         "initial_ratio": initial}, "gmp_iterations": total}


def read_semi_structured(section: Section) -> dict[str, Any]:
    """Two of four neighbours zero."""
    names = section.take("prune_params_name", tuple[str, ...], ())
    if own := [name for name in names if not PROGRAM_NAME.fullmatch(name)]:
        raise section.fault("prune_params_name", f"'{own[0]}': layers cannot be picked; sparsity.not_sparse_pattern of the config "
                                                 "leaves some out")
    _tell_program_names(section, "prune_params_name", names, "all layers that take a 2:4 pattern get it")
    return {"sparsity": {"pattern": "2:4"}}


def read_channel_prune(section: Section) -> dict[str, Any]:
    """The same share of each layer's channels."""
    ratio, criterion = section.fraction("pruned_ratio", None), section.take("criterion", str, "l1_norm")
    if ratio is None:
        raise UserError(f"{section.where('pruned_ratio')}: is missing; add the share of each layer's channels to remove, e.g. 0.25")
    if criterion not in IMPORTANCES:
        raise section.fault("criterion", f"expected one of {', '.join(IMPORTANCES)}")
    names = section.take("prune_params_name", tuple[str, ...], ())
    _tell_program_names(section, "prune_params_name", names, "all layers are pruned whose channels may go")
    layers = tuple(name for name in names if not PROGRAM_NAME.fullmatch(name))
    return {"pruning": ChannelPruning(ratio, IMPORTANCES[criterion], layers)}


def _tell_program_names(section: Section, key: str, names: Sequence[str], instead: str) -> None:
    if found := [name for name in names if PROGRAM_NAME.fullmatch(name)]:
        section.note(key, f"{shown(found)} of a Paddle program have no counterpart; {instead}")


def _listed(value: Any) -> tuple[Any, ...]:
    return tuple(value) if isinstance(value, list | tuple) else (value,)


def _checked(section: Section, build: Any, prefix: str) -> Any:
    """What `build` makes, its UserError with the section's file and name. prefix: of its messages, to be left out."""
    try:
        return build()
    except UserError as error:
        raise UserError(f"{section.path}: {section.name}.{str(error).removeprefix(prefix)}") from error
