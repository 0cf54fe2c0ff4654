"""TrainConfig of a strategy file: how a network is trained on."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mtzoo.config.section import Section
from mtzoo.errors import UserError

OPTIMIZERS = {"SGD": "SGD", "Momentum": "SGD", "Adam": "AdamW", "AdamW": "AdamW"}
DECAYS = ("CosineAnnealingDecay", "PiecewiseDecay", "PolynomialDecay")


@dataclass(frozen=True)
class TrainingPlan:
    """What a TrainConfig says; None and nothing for what it leaves to the config's phase.

    epochs or iterations; learning_rate: at the start; optimizer, schedule: keys of the phase's `optimizer` and `schedule`; env: keys of
    the config's `env`; origin_metric: 0..1, what the network before has to reach within METRIC_TOLERANCE.
    """

    epochs: float | None = None
    iterations: int | None = None
    learning_rate: float | None = None
    optimizer: Mapping[str, Any] = field(default_factory=dict)
    schedule: Mapping[str, Any] | None = None
    env: Mapping[str, Any] = field(default_factory=dict)
    origin_metric: float | None = None


def read_train_config(section: Section) -> dict[str, Any]:
    """TrainConfig, with optimizer_builder or the older optimizer and optim_args."""
    epochs, iterations = section.take("epochs", float, None), section.count("train_iter", None)
    if epochs is not None and iterations is not None:
        raise section.fault("train_iter", "epochs are given as well; keep one of them")
    if epochs is not None:
        _positive(section, "epochs", epochs)
    if section.has("target_metric"):
        raise section.fault("target_metric", "training does not stop at a metric; remove it, --max-drop judges an automatic search")
    section.tell(("eval_iter",), "the validation images are evaluated after every phase")
    section.tell(("use_fleet", "amp_config", "recompute_config", "sharding_config", "sparse_model"),
                 "--ctx and env.amp of the config say how a training runs")
    metric, interval = section.take("origin_metric", float, None), section.count("logging_iter", None)
    if metric is not None and not 0 <= metric <= 1:
        raise section.fault("origin_metric", "expected a share in 0..1, e.g. 0.9287")
    rate, schedule = _learning_rate(section)
    return {"training": TrainingPlan(epochs, iterations, rate, _optimizer(section), schedule,
                                     {} if interval is None else {"log_interval": interval}, metric)}


def _learning_rate(section: Section) -> tuple[float | None, dict[str, Any] | None]:
    """(at the start, the schedule). A number is constant."""
    if not section.has("learning_rate"):
        return None, None
    if not isinstance(section.values["learning_rate"], Mapping):
        return _positive(section, "learning_rate", section.take("learning_rate", float, None)), {"type": "constant"}
    decay = section.child("learning_rate")
    kind = decay.take("type", str, "")
    if kind not in DECAYS:
        raise decay.fault("type", f"expected one of {', '.join(DECAYS)}, or a number for a constant rate")
    if kind == "PiecewiseDecay":
        found = _pieces(decay)
    else:
        rate = _positive(decay, "learning_rate", decay.take("learning_rate", float, None))
        key, default = ("end_lr", 0.0001) if kind == "PolynomialDecay" else ("eta_min", 0.0)
        least = decay.take(key, float, default)
        if not 0 <= least <= rate:
            raise UserError(f"{decay.where(key)}={least}: must lie between 0 and learning_rate={rate}")
        decay.tell(("decay_steps", "T_max", "cycle", "verbose", "last_epoch"), "the curve spans the whole training")
        found = rate, {"type": "cosine" if kind == "CosineAnnealingDecay" else "poly", "min_lr_ratio": least / rate}
        if kind == "PolynomialDecay":
            found[1]["power"] = _positive(decay, "power", decay.take("power", float, 1.0))
    decay.finish()
    return found


def _pieces(decay: Section) -> tuple[float, dict[str, Any]]:
    boundaries, values = decay.take("boundaries", tuple[int, ...], ()), decay.take("values", tuple[float, ...], ())
    if not boundaries or len(values) != len(boundaries) + 1 or not all(0 < value < math.inf for value in values):
        raise decay.fault("values", f"expected rates above 0, one more than the {len(boundaries)} boundaries")
    if list(boundaries) != sorted({*boundaries}) or boundaries[0] < 1:
        raise decay.fault("boundaries", "expected rising iterations above 0")
    return values[0], {"type": "piecewise", "boundaries": list(boundaries), "factors": [value / values[0] for value in values[1:]]}


def _optimizer(section: Section) -> dict[str, Any]:
    """Keys of the phase's optimizer. Without weight_decay there is none, as there."""
    builder, older = section.child("optimizer_builder"), section.take("optimizer", str, None)
    if builder is None:
        if older is None:
            return {}
        options = section.child("optim_args") or Section(section.path, f"{section.name}.optim_args", None, section.notes)
        found = _kind(section, "optimizer", older, _decay(options)) | _momentum(options, older)
        options.finish()
        return found
    if older is not None:
        raise section.fault("optimizer", "optimizer_builder is there, too; keep one of them")
    decay, given = _decay(builder), builder.child("optimizer")
    builder.finish()
    if given is None:
        return {"weight_decay": decay}
    kind = given.take("type", str, "SGD")
    found = _kind(given, "type", kind, decay) | _momentum(given, kind)
    given.finish()
    return found


def _momentum(section: Section, kind: str) -> dict[str, float]:
    """Of Momentum, the one optimizer that has any."""
    if kind != "Momentum":
        return {}
    section.tell(("use_nesterov",), "momentum is always Nesterov's")
    return {"momentum": section.take("momentum", float, 0.9)}


def _decay(section: Section) -> float:
    decay, regularizer = section.take("weight_decay", float, 0.0), section.child("regularizer")
    if regularizer is not None:
        if regularizer.take("type", str, "L2Decay") not in ("L2", "L2Decay"):
            raise regularizer.fault("type", "'L2Decay' is what there is")
        decay = regularizer.take("coeff", float, decay)
        regularizer.finish()
    section.tell(("grad_clip",), "grad_clip_norm of the config's phase bounds gradients")
    if decay < 0:
        raise section.fault("weight_decay", "expected a number of 0 or more")
    return decay


def _kind(section: Section, key: str, kind: str, decay: float) -> dict[str, Any]:
    if kind not in OPTIMIZERS:
        raise section.fault(key, f"expected one of {', '.join(OPTIMIZERS)}")
    if kind == "Adam" and decay:
        raise section.fault(key, "Adam adds weight decay to the gradient, which is not here; write AdamW, or weight_decay: 0")
    return {"type": OPTIMIZERS[kind], "weight_decay": decay, **({"momentum": 0.0} if kind == "SGD" else {})}


def _positive(section: Section, key: str, value: float | None) -> float:
    if value is None:
        raise UserError(f"{section.where(key)}: is missing; add a number above 0")
    if not 0 < value < math.inf:
        raise section.fault(key, "expected a number above 0")
    return value
