"""What an ONNX file would cost to parse, found in its bytes: parsed, a message of two bytes takes a hundred.

Only weights may be large. They are the `raw_data` of initializers, which parsing copies as they are; all else is a few hundred
kilobytes in a file of mtzoo's.
"""

from collections.abc import Iterator

import onnx
from google.protobuf.message import DecodeError

from mtzoo.errors import UserError

MAX_OTHER_BYTES = 4 << 20  # of nodes, names and metadata
GRAPH, INITIALIZER, RAW_DATA = 7, 5, 9  # numbers of the fields in ModelProto, GraphProto, TensorProto
VARINT, FIXED_64, BYTES, FIXED_32 = 0, 1, 2, 5
Field = tuple[int, int, int]
"""(number, start, end) of a field's content."""


def parse_onnx(content: bytes, most: int = MAX_OTHER_BYTES) -> onnx.ModelProto:
    """Raises UserError for bytes that are no ONNX file, or that parsing would blow up: of which more than `most` are not weights."""
    check_wire(content, most)
    model = onnx.ModelProto()
    try:
        model.ParseFromString(content)
    except DecodeError as error:
        raise UserError("truncated or not an ONNX file") from error
    return model


def check_wire(content: bytes, most: int = MAX_OTHER_BYTES) -> None:
    """Raises UserError for bytes that are no protocol buffer, or of which more than `most` are not weights."""
    try:
        other = 0
        for other in _growing(content):
            if other > most:
                raise UserError(f"more than {most:,} bytes of it are not weights (raw data of initializers); such a file is not read")
    except (ValueError, IndexError):
        raise UserError("truncated or not an ONNX file") from None


def _growing(content: bytes) -> Iterator[int]:
    """How many bytes are no weights, after each field."""
    other = 0
    for number, start, end in fields(content, 0, len(content)):
        if number != GRAPH:
            other += end - start + 1
            yield other
            continue
        for inner, begin, stop in fields(content, start, end):
            other += stop - begin + 1
            if inner == INITIALIZER:
                other -= sum(last - first for part, first, last in fields(content, begin, stop) if part == RAW_DATA)
            yield other


def fields(content: bytes, start: int, end: int) -> Iterator[Field]:
    """The fields of one message. Raises ValueError or IndexError where it is none."""
    while start < end:
        tag, start = _varint(content, start)
        kind = tag & 7
        if kind == VARINT:
            _, stop = _varint(content, start)
        elif kind == BYTES:
            size, start = _varint(content, start)
            stop = start + size
        elif kind in (FIXED_32, FIXED_64):
            stop = start + (4 if kind == FIXED_32 else 8)
        else:
            raise ValueError(f"wire type {kind}")
        if stop > end:
            raise ValueError("a field ends after its message")
        yield tag >> 3, start, stop
        start = stop


def _varint(content: bytes, start: int) -> tuple[int, int]:
    """(value, where the next byte is)."""
    value = shift = 0
    while shift < 70:
        byte = content[start]
        value |= (byte & 127) << shift
        start, shift = start + 1, shift + 7
        if byte < 128:
            return value, start
    raise ValueError("a number of more than ten bytes")
