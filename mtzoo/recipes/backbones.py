"""torchvision's and timm's networks as backbones: what each costs, and whether it is exact."""

import time
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from mtzoo.engine.backbones import Backbone, check, describe
from mtzoo.engine.row_record import load_rows, save_rows
from mtzoo.errors import UserError
from mtzoo.models.timm_backbone import timm_names
from mtzoo.models.torchvision_backbone import torchvision_names
from mtzoo.progress import counted, format_seconds, show_progress

LIBRARIES = {"torchvision": ("Torchvision", torchvision_names), "timm": ("Timm", timm_names)}
"""Library -> (type of a node, its networks' names)."""


def list_backbones(library: str = "torchvision", names: Sequence[str] = ("*",), *, checked: bool = False,
                   record: str | Path | None = None) -> list[Backbone]:
    """What networks cost as backbones; checked: also whether all executors agree on them with random weights, minutes for many.

    library: one of LIBRARIES, or "all"; names: patterns; record: a JSON file to go on from and to keep the results in. Raises
    UserError for another library, and for a pattern that names none.
    """
    wanted = networks_called(library, names)
    kept = [] if record is None else load_rows(Path(record), Backbone, "backbones")
    known = {(row.type, row.name): row for row in kept}
    started, done = time.monotonic(), 0
    with show_progress("networks", transient=True) as on_progress:
        for place, key in enumerate(counted(wanted, on_progress)):
            row = known.get(key)
            if row is not None and (row.checked is not None or row.why is not None or not checked):
                continue
            if checked:
                left = (time.monotonic() - started) / done * (len(wanted) - place) if done else 0.0
                on_progress.note(f"{place + 1} of {len(wanted)}: {key[1]}{f', {format_seconds(left)} to go' if done else ''}")
            known[key] = check(describe(*key)) if checked else describe(*key)
            done += 1
            if record is not None:
                save_rows(Path(record), known.values())
    return [known[key] for key in wanted]


def networks_called(library: str, patterns: Sequence[str]) -> list[tuple[str, str]]:
    """(node type, name) of every network that is asked for. Raises UserError for another library, and for a pattern that names none."""
    if library not in (*LIBRARIES, "all"):
        raise UserError(f"--library {library}: expected {', '.join(LIBRARIES)} or all")
    libraries = list(LIBRARIES) if library == "all" else [library]
    names = [(kind, name) for library in libraries for kind, list_names in (LIBRARIES[library],) for name in list_names()]
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for _, name in names):
            raise UserError(f"--names {pattern}: no network of {' or '.join(libraries)} has this name")
    return [(kind, name) for kind, name in names if any(fnmatchcase(name, pattern) for pattern in patterns)]
