"""A checkpoint as an ONNX deploy model."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from mtzoo.console import note
from mtzoo.deploy.export import export_model
from mtzoo.deploy.file import check_sidecar_place
from mtzoo.deploy.info import DeployInfo
from mtzoo.engine.checkpoint import load_checkpoint
from mtzoo.engine.requantize import requantized
from mtzoo.engine.stages import INTEGER_STEP, checkpoint_network
from mtzoo.errors import UserError
from mtzoo.files import check_writable
from mtzoo.locate import MODEL_SUFFIX, WEIGHTS_SUFFIX, find_checkpoint
from mtzoo.recipes.config import CheckpointLike
from mtzoo.recipes.models import export_spec


@dataclass(frozen=True)
class ExportResult:
    """What `export` returns.

    Attributes:
        model: The ONNX file. Its sidecar has the same name with `.json`.
        bytes: The size of the ONNX file.
        info: The content of the sidecar.
        config: The config in the checkpoint as plain data, without `options`.
    """

    model: Path
    bytes: int
    info: DeployInfo
    config: Mapping[str, Any]


def export(checkpoint: CheckpointLike, out: str | Path | None = None, *, options: Mapping[str, Any] = MappingProxyType({}),
           input_format: Literal["bgr", "rgb", "yuv444", "nv12"] | None = None, layout: Literal["nchw", "nhwc"] | None = None,
           batch: int = 1, weight_bits: Literal[7] | None = None, raw: bool = False, keep_raw: bool = False) -> ExportResult:
    """Write a checkpoint as an ONNX deploy model with a JSON sidecar.

    A checkpoint of step 3 becomes a model with boxes and label maps. Checkpoints of other steps become models with raw maps.

    Args:
        checkpoint: A checkpoint (`.pt`), or `zoo:NAME` for the float weights of a zoo model.
        out: The `.onnx` file. Default: beside the checkpoint. `zoo:NAME` has no default.
        options: Dotted keys of the checkpoint's config and their values.
        input_format: The format of the image that the model reads. Default: as in the config.
        layout: The memory layout of the image. Default: as in the config.
        batch: The number of images that the model reads at once, 16 at most.
        weight_bits: 7 for CPUs without VNNI. The checkpoint must then be of float or fake-quant.
        raw: Write raw maps only.
        keep_raw: Write raw maps, too.

    Raises:
        UserError: Options do not go together, or the file cannot be written.
    """
    path = find_checkpoint(checkpoint)
    out = export_path(path, out)
    options = {**options, **({"int_inference_export_input_shape.format": input_format} if input_format else {}),
               **({"int_inference_export_input_shape.layout": layout} if layout else {})}
    held = load_checkpoint(path)
    net, config, step = requantized(held, path, options, weight_bits) if weight_bits else checkpoint_network(held, path, options)
    whole = step == INTEGER_STEP or bool(weight_bits)
    if keep_raw and not whole:
        raise UserError(f"{path}: a checkpoint of step {step}, whose export has raw maps only; leave --keep-raw out")
    if raw and not whole:
        note(f"--raw: changes nothing; the export of a checkpoint of step {step} has raw maps only")
    spec = replace(export_spec(config, step), batch=batch)
    info = export_model(net, spec, out, postprocess=whole and not raw, keep_raw=keep_raw)
    return ExportResult(out, out.stat().st_size, info, held.config)


def export_path(checkpoint: Path, out: str | Path | None) -> Path:
    """The file that the model is written to.

    Raises UserError for another ending, where nothing can be written, where the sidecar would overwrite a file that is none, and for
    zoo weights without `out`: the zoo's own deploy model lies beside them.
    """
    if out is None and checkpoint.suffix == WEIGHTS_SUFFIX:
        raise UserError(f"{checkpoint}: the zoo's own deploy model lies beside it; add --out FILE, e.g. --out "
                        f"{checkpoint.stem}{MODEL_SUFFIX}")
    path = checkpoint.with_suffix(MODEL_SUFFIX) if out is None else Path(out)
    check_writable(path, "--out", folder=False)
    if path.suffix != MODEL_SUFFIX:
        raise UserError(f"--out {path}: the file must end in {MODEL_SUFFIX}; its sidecar gets the same name with .json")
    check_sidecar_place(path, "choose another --out")
    return path
