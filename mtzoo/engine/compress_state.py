"""How far an automatic compression has come: one JSON file, written after each step that is not to be repeated."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from mtzoo.config import ExperimentConfig
from mtzoo.config.compare import results_hash
from mtzoo.data.json_file import read_json
from mtzoo.engine.fingerprint import ADVICE, check_resumed, file_hash
from mtzoo.errors import UserError
from mtzoo.evaluation.comparison import Variant
from mtzoo.strict_json import write_json

STATE = "compress.json"


@dataclass
class CompressState:
    """made_for: what all of it depends on; latency_ms: candidate's name -> milliseconds; results: name -> as it was measured after
    its training; folders: name -> where its model lies."""

    path: Path
    made_for: Mapping[str, Any]
    latency_ms: dict[str, float] = field(default_factory=dict)
    base: Variant | None = None
    results: dict[str, Variant] = field(default_factory=dict)
    models: dict[str, str] = field(default_factory=dict)

    def save(self) -> None:
        values = {"made_for": dict(self.made_for), "latency_ms": self.latency_ms, "base": self.base and asdict(self.base),
                  "results": {name: asdict(v) for name, v in self.results.items()}, "models": self.models}
        write_json(self.path, values, ADVICE)


def made_for(config: ExperimentConfig, checkpoint: Path, **options: str | float | None) -> dict[str, Any]:
    """The network, its config and the options that decide what is trained."""
    return {"checkpoint": file_hash(checkpoint), "config": results_hash(config), **options}


def load_state(path: Path, origin: Mapping[str, Any]) -> CompressState:
    """Go on from the file. Raises UserError if it was made for something else."""
    values = read_json(path, "state of a compression", "start anew without --resume, in another --out")
    held = values.get("made_for") if isinstance(values, dict) else None
    if not isinstance(held, dict):
        raise UserError(f"{path}: no state of `mtzoo compress`; {ADVICE}")
    check_resumed(path, held, origin)
    try:
        variants = {name: _variant(v) for name, v in values["results"].items()}
        return CompressState(path, origin, dict(values["latency_ms"]), values["base"] and _variant(values["base"]), variants,
                             dict(values["models"]))
    except (KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{path}: damaged ({type(error).__name__}: {error}); {ADVICE}") from error


def _variant(values: Mapping[str, Any]) -> Variant:
    differing = values["differing"]
    metrics = {name: math.nan if value is None else value for name, value in values["metrics"].items()}  # JSON knows no NaN
    return Variant(**{**values, "metrics": metrics, "differing": tuple(differing) if differing else None})
