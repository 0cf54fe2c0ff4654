"""A deploy model on disk: an ONNX file whose metadata describe it, and a sidecar with the same description and the file's hash."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import onnx

from mtzoo.deploy.check_graph import check_graph
from mtzoo.deploy.check_info import check_info
from mtzoo.deploy.digest import content_digest
from mtzoo.deploy.info import DeployInfo
from mtzoo.deploy.wire import parse_onnx
from mtzoo.errors import UserError
from mtzoo.files import read_whole, write_whole
from mtzoo.locate import MODEL_SUFFIX
from mtzoo.strict_json import strict_json

METADATA_KEY, DIGEST_KEY = "mtzoo", "mtzoo-sha256"
MAX_MODEL_BYTES = 256 << 20  # 256 million int8 weights; more is not read either
MAX_SIDECAR_BYTES = 16 << 20
ZIP_START = b"PK\x03\x04"
"""What torch.save writes is a zip file."""
NAME_ONE = "name an .onnx file that mtzoo exported"
DISK_ADVICE = "choose another place"


@dataclass(frozen=True)
class DeployFile:
    """A deploy model as read from disk; nothing of it has been executed.

    proven: its content is what was exported, by the hash in its metadata or its sidecar's. Files of earlier versions have no hash.
    """

    path: Path
    info: DeployInfo
    model: onnx.ModelProto
    size: int
    proven: bool


def read_deploy_file(path: str | Path) -> DeployFile:
    """Read and check a deploy model. The sidecar may be missing; if it is there, its sha256 has to be the file's.

    Raises UserError for a missing or foreign file, one that was changed since its export or does not belong to its sidecar, and one
    that holds what no file of mtzoo's does.
    """
    path = Path(path)
    if sidecar_path(path) == path:
        model = path.with_suffix(MODEL_SUFFIX)
        raise UserError(f"{path}: a JSON file, no ONNX file; {f'name {model}' if model.exists() else NAME_ONE}")
    content = read_whole(path, "model", MAX_MODEL_BYTES, NAME_ONE)
    if content.startswith(ZIP_START):
        raise UserError(f"{path}: a checkpoint or another zip file, no ONNX file; `mtzoo export CHECKPOINT` makes one of a checkpoint")
    size, by_sidecar = len(content), _check_sidecar(path, content)
    try:
        model = parse_onnx(content)
        del content
        properties = {p.key: p.value for p in model.metadata_props}
        if METADATA_KEY not in properties:
            raise UserError("an ONNX file that mtzoo did not export; use `mtzoo export`")
        shapes = check_graph(model)
        info = DeployInfo.from_json(properties[METADATA_KEY])
        check_info(info, model, shapes)
    except UserError as error:
        raise UserError(f"{path}: {error}; {NAME_ONE}") from error
    digest = properties.get(DIGEST_KEY)
    if digest is not None and digest != content_digest(model, properties[METADATA_KEY]):
        raise UserError(f"{path}: its weights, graph or description are not those that were exported: the hash in its metadata is "
                        "another; take the original, or export the model again")
    return DeployFile(path, info, model, size, by_sidecar or digest is not None)


def _check_sidecar(path: Path, content: bytes) -> bool:
    """Whether there is one; then its hash is the file's."""
    sidecar = sidecar_path(path)
    if not sidecar.exists():
        return False
    expected = _hash_in(sidecar, f"export the model again, or move it away: {path.name} is enough")
    if expected != hashlib.sha256(content).hexdigest():
        raise UserError(f"{path}: its sha256 is not the one in {sidecar.name}: the file was changed or the two do not belong "
                        "together; export the model again")
    return True


def _hash_in(sidecar: Path, advice: str) -> object:
    """The model's sha256 that a sidecar tells. Raises UserError with `advice` for a file that is none."""
    data = read_whole(sidecar, "sidecar", MAX_SIDECAR_BYTES, advice)
    try:
        return json.loads(data)["sha256"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise UserError(f"{sidecar}: no sidecar of a model, or a damaged one; {advice}") from error


def check_sidecar_place(path: Path, advice: str = DISK_ADVICE) -> None:
    """Raises UserError with `advice` where the sidecar of the model `path` would overwrite a file that is no sidecar."""
    sidecar = sidecar_path(path)
    if sidecar.exists():
        _hash_in(sidecar, f"it would be overwritten by that of {path.name}: {advice}")


def write_model(model: onnx.ModelProto, info: DeployInfo, path: Path) -> None:
    """Write the model with `info` and a hash of all it says in its metadata, and the sidecar with the file's sha256.

    Raises UserError where a file cannot be written, or the sidecar would overwrite a file that is none."""
    check_sidecar_place(path)
    description = info.to_json()
    onnx.helper.set_model_props(model, {METADATA_KEY: description, DIGEST_KEY: content_digest(model, description)})
    content = model.SerializeToString()
    if len(content) > MAX_MODEL_BYTES:
        raise UserError(f"{path}: the model would have {len(content):,} bytes; {MAX_MODEL_BYTES:,} are the most that is read again")
    sidecar = {**json.loads(description), "sha256": hashlib.sha256(content).hexdigest()}
    write_whole(path, content, DISK_ADVICE)
    write_whole(sidecar_path(path), (strict_json(sidecar, sort_keys=True) + "\n").encode(), DISK_ADVICE)


def sidecar_path(path: Path) -> Path:
    return path.with_suffix(".json")
