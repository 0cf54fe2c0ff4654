"""Compiled OpenVINO models on disk: what a process has compiled, the next one loads in a fraction of the time.

A file's name is the checksum of all that decides what it holds: the model as OpenVINO gets it, its settings, OpenVINO's version and the
CPU. So whatever changes one of them leads to another file. Its first bytes are the checksum of the rest: a damaged file is found,
removed and made again. Nothing that goes wrong here keeps a model from being loaded.
"""

import hashlib
import os
from collections.abc import Mapping
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import platformdirs

from mtzoo.errors import UserError
from mtzoo.files import read_whole, remove_leftovers_in, write_whole

if TYPE_CHECKING:
    import openvino

VARIABLE, OFF = "MTZOO_CACHE", "off"
MOST_FILES, MOST_BYTES = 32, 1 << 30
"""Most files in the folder, of which the least recently used ones are removed, and most bytes of one file."""
SUFFIX = ".compiled"
DIGEST = hashlib.sha256
Options = Mapping[str, object]


def cache_folder() -> Path | None:
    """The folder of compiled models: that of the environment variable MTZOO_CACHE, or the user's cache folder. None: it is "off"."""
    given = os.environ.get(VARIABLE)
    if given == OFF:
        return None
    return (Path(given) if given else platformdirs.user_cache_path("mtzoo", appauthor=False)) / "openvino"


def compile_model(core: "openvino.Core", content: bytes, options: Options, folder: Path | None) -> "openvino.CompiledModel":
    """`content`, an ONNX file, compiled for the CPU. folder: of compiled models, made if it is missing; None: nothing is kept."""
    if folder is None:
        return core.compile_model(core.read_model(content), "CPU", dict(options))
    path = folder / f"{_key(core, content, options)}{SUFFIX}"
    kept = _load(core, path, options)
    if kept is not None:
        return kept
    compiled = core.compile_model(core.read_model(content), "CPU", dict(options))
    with suppress(UserError, OSError, RuntimeError):  # a full disk, a home that cannot be written, a model that cannot be kept
        _store(path, _exported(compiled))
    return compiled


def _exported(compiled: "openvino.CompiledModel") -> bytes:
    """The compiled model as bytes; into a stream, because without one OpenVINO 2025.0 gives bytes and later versions a stream."""
    stream = BytesIO()
    compiled.export_model(stream)
    return stream.getvalue()


def _key(core: "openvino.Core", content: bytes, options: Options) -> str:
    import openvino

    cpu = [core.get_property("CPU", key) for key in ("FULL_DEVICE_NAME", "OPTIMIZATION_CAPABILITIES")]
    settings = [openvino.get_version(), *cpu, os.environ.get("ONEDNN_MAX_CPU_ISA"), sorted(options.items())]
    return DIGEST(repr(settings).encode() + content).hexdigest()


def _load(core: "openvino.Core", path: Path, options: Options) -> "openvino.CompiledModel | None":
    """None: there is none, or none that can be used."""
    if not path.exists():
        return None
    try:
        kept = read_whole(path, "compiled model", MOST_BYTES, "it is made again")
        size = DIGEST().digest_size
        if DIGEST(kept[size:]).digest() == kept[:size]:
            compiled = core.import_model(kept[size:], "CPU", dict(options))
            os.utime(path)
            return compiled
    except (UserError, OSError, RuntimeError):
        pass
    with suppress(OSError):
        path.unlink()
    return None


def _store(path: Path, compiled: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    remove_leftovers_in(path.parent)
    write_whole(path, DIGEST(compiled).digest() + compiled, "nothing is kept")
    kept = sorted(path.parent.glob(f"*{SUFFIX}"), key=lambda file: file.stat().st_mtime, reverse=True)
    for old in kept[MOST_FILES:]:
        old.unlink()
