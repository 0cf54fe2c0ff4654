"""A checkpoint's zip archive, looked at before torch reads it: what a few bytes could unpack to is never unpacked."""

import re
import struct
import zipfile
from pathlib import Path
from typing import BinaryIO

from mtzoo.errors import UserError, shown

MAX_BYTES = 2 << 30
"""Largest checkpoint. With an optimizer's state it is three times the network: room for 170 million parameters."""
MAX_PICKLE_BYTES = 64 << 20
"""Largest part that holds no tensors: config, names, curves."""
MAX_MEMBERS = 50_000
MAX_DIRECTORY_BYTES = 16 << 20
ADVICE = "remove it or use another one"
_BYTES_OF_ANY_SIZE = re.compile(rb"c(builtins|__builtin__)\nbytearray\n")
"""The only function in a pickle to which torch's reader of weights passes a number of bytes to allocate."""
_END_OF_DIRECTORY = struct.Struct("<4s4H2LH")


def check_archive(path: Path) -> None:
    """Raises UserError unless the file is such an archive as torch.save writes: members stored as they are, none beyond the file."""
    if not path.is_file():
        raise UserError(f"{path}: no such checkpoint")
    try:
        size = path.stat().st_size
        with open(path, "rb") as file:
            start = file.read(4)
            _check_directory(path, file, size)
            if not start.startswith(b"PK"):
                raise UserError(f"{path}: truncated or not a checkpoint of mtzoo: no zip archive, which torch.save writes; {ADVICE}")
            with zipfile.ZipFile(file) as archive:
                _check_members(path, archive.infolist(), size)
                _check_pickles(path, archive)
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror or error}); check its permissions or use another one") from error
    except (zipfile.BadZipFile, ValueError, NotImplementedError, struct.error) as error:
        raise UserError(f"{path}: truncated or not a checkpoint ({error}); {ADVICE}") from error


def _check_directory(path: Path, file: BinaryIO, size: int) -> None:
    """The archive's directory is read into memory as a whole: its size comes first."""
    if size > MAX_BYTES:
        raise UserError(f"{path}: {size:,} bytes; a checkpoint has {MAX_BYTES:,} at most; {ADVICE}")
    file.seek(max(0, size - (1 << 16) - _END_OF_DIRECTORY.size))
    tail = file.read()
    found = tail.rfind(b"PK\5\6")
    if found >= 0 and len(tail) - found >= _END_OF_DIRECTORY.size:
        _, _, _, _, entries, length, _, _ = _END_OF_DIRECTORY.unpack_from(tail, found)
        if entries > MAX_MEMBERS or length > MAX_DIRECTORY_BYTES:
            raise UserError(f"{path}: an archive of {entries:,} members or more; a checkpoint has {MAX_MEMBERS:,} at most; {ADVICE}")
    file.seek(0)


def _check_members(path: Path, members: list[zipfile.ZipInfo], size: int) -> None:
    if len(members) > MAX_MEMBERS:
        raise UserError(f"{path}: {len(members):,} members; a checkpoint has {MAX_MEMBERS:,} at most; {ADVICE}")
    for member in members:
        if member.compress_type != zipfile.ZIP_STORED or member.file_size != member.compress_size:
            raise UserError(f"{path}: its member {shown(member.filename)} is compressed, which torch.save never does; {ADVICE}")
        if member.filename.endswith("data.pkl") and member.file_size > MAX_PICKLE_BYTES:
            raise UserError(f"{path}: {member.file_size:,} bytes are no tensors; in a checkpoint {MAX_PICKLE_BYTES:,} at most are; "
                            f"{ADVICE}")
    if sum(member.file_size for member in members) > size:
        raise UserError(f"{path}: its members are larger than the file; {ADVICE}")


def _check_pickles(path: Path, archive: zipfile.ZipFile) -> None:
    for name in archive.namelist():
        if name.endswith("data.pkl") and _BYTES_OF_ANY_SIZE.search(archive.read(name)):
            raise UserError(f"{path}: it holds more than tensors and plain values; {ADVICE}")
