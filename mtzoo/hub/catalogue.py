"""The catalogue of a zoo, `zoo.json` in its folder: the files of every model, each with its size and sha256."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

from mtzoo.errors import UserError, cut, did_you_mean
from mtzoo.plain_data import build
from mtzoo.strict_json import strict_json

FILE = "zoo.json"
FORMAT = "mtzoo-zoo-1"
SUFFIXES = (".onnx", ".json", ".safetensors", ".md")
"""Of a model's files: the deploy model, its sidecar, float weights, the model card. None of them can run anything."""
MAX_FILE_BYTES = 256 << 20
MAX_BYTES = 4 << 20
"""Of the catalogue."""
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")
SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class FileEntry:
    """What a file has to be."""

    bytes: int
    sha256: str

    def __post_init__(self) -> None:
        if not 0 <= self.bytes <= MAX_FILE_BYTES:
            raise UserError(f"bytes={self.bytes}: expected 0 to {MAX_FILE_BYTES:,}")
        if not SHA256.fullmatch(self.sha256):
            raise UserError(f"sha256={cut(self.sha256)}: expected 64 hexadecimal digits")

    @classmethod
    def of(cls, data: bytes) -> "FileEntry":
        return cls(len(data), hashlib.sha256(data).hexdigest())


@dataclass(frozen=True)
class Catalogue:
    """models: name -> the endings of its files -> what they have to be."""

    format: str = FORMAT
    models: dict[str, dict[str, FileEntry]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.format != FORMAT:
            raise UserError(f"format={cut(self.format)}: this version reads {FORMAT}")
        for name, files in self.models.items():
            check_name(name)
            if other := sorted(set(files) - set(SUFFIXES)):
                raise UserError(f"models.{name}: '{cut(other[0])}' is not an ending of a model's files ({', '.join(SUFFIXES)})")

    def files(self, name: str) -> Mapping[str, FileEntry]:
        """Raises UserError for a model that the zoo does not have."""
        if name not in self.models:
            hint = did_you_mean(name, self.models) or "; it is empty"
            raise UserError(f"no model '{cut(name)}'{hint}")
        return self.models[name]

    def written(self) -> bytes:
        return strict_json(asdict(self), indent=1, sort_keys=True).encode()


def read_catalogue(data: bytes, where: str) -> Catalogue:
    """where: the file, for messages. Raises UserError for what is no catalogue."""
    try:
        return build(Catalogue, json.loads(data), "")
    except (UserError, ValueError, RecursionError) as error:
        raise UserError(f"{where}: no catalogue of a zoo ({error}); `mtzoo zoo push` makes one") from error


def check_name(name: str) -> str:
    """Raises UserError for a name that could lead out of a folder, or that no file can have."""
    if not NAME.fullmatch(name):
        raise UserError(f"model name '{cut(name)}': letters, digits, '_', '-' and '.' are allowed, 100 at most, the first of them a "
                        "letter or digit")
    return name
