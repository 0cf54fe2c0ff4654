"""JSON files that others wrote: with or without a byte order mark, of any size and depth."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mtzoo.errors import UserError
from mtzoo.files import read_whole

MAX_BYTES = 512 << 20  # parsed it takes several times as much memory; COCO's largest file has 450 MiB


def read_json(path: Path, what: str, advice: str, shrink: Callable[[dict[str, Any]], object] | None = None) -> object:
    """The parsed content, in UTF-8, or in UTF-16 or UTF-32. what: e.g. "annotation file"; shrink: what to keep of each object, called
    as soon as it is parsed, so that what is not needed takes no memory.

    Raises UserError with `advice` for a file that cannot be read, is larger than MAX_BYTES or no JSON, with the line.
    """
    data = read_whole(path, what, MAX_BYTES, advice)
    try:
        text = data.decode(json.detect_encoding(data))
        del data  # of a large file only one copy stays
        return json.loads(text, object_hook=shrink)
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise UserError(f"{path}: not JSON (line {line}: byte 0x{error.object[error.start]:02x} is not {error.encoding}); "
                        "save the file as UTF-8") from None
    except RecursionError:
        raise UserError(f"{path}: nested too deep; {advice}") from None
    except ValueError as error:
        raise UserError(f"{path}: not JSON ({error}); {advice}") from None
