"""Damaged files of one kind through their reader, in a child of the server: each is read, or refused by a UserError.

A kind's function, called like it, gets (Base, folder, rng) and yields cases for ever.
"""

import importlib
import json
import resource
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import numpy as np

from mtzoo.errors import UserError
from tests.robustness.base import Base

KINDS = {"images": "fuzz_images", "masks": "fuzz_images", "annotations": "fuzz_annotations", "conversions": "fuzz_annotations",
         "videos": "fuzz_videos", "checkpoints": "fuzz_models", "onnx": "fuzz_models", "sidecars": "fuzz_models",
         "configs": "fuzz_configs"}
"""Kind -> the module with its function of the same name."""
CASE_S = 60
"""Wall time after which a case is a hang: it ends the whole child, whose last case stands in its folder."""
Case = Callable[[], "list[str] | None"]
"""Reads one damaged file. Gives the lines of what was refused without an exception, if anything; or raises UserError."""
Cases = Callable[[Base, Path, np.random.Generator], Iterator[Case]]


def run(kind: str, base: str, folder: str, count: int, seed: int) -> int:
    """Go through `count` cases; print one JSON object: cases, accepted, refused, problems (what should never happen), slowest_s
    (CPU), peak_mib. The number of the case in work is in the file `case`."""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)  # also what hangs in a library of C is ended
    cases: Cases = getattr(importlib.import_module(f"tests.robustness.{KINDS[kind]}"), kind)
    rng = np.random.default_rng(seed)
    slowest, refused, problems = 0.0, 0, []
    for number, case in enumerate(islice(cases(Base(Path(base)), Path(folder), rng), count)):
        (Path(folder) / "case").write_text(str(number))
        started = time.process_time()
        signal.alarm(CASE_S)
        lines, problem = outcome(case)
        signal.alarm(0)
        slowest = max(slowest, time.process_time() - started)
        problems += [f"{kind} case {number} of seed {seed}: {problem}"] if problem else []
        refused += bool(lines)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024  # KiB on Linux
    print(json.dumps({"cases": count, "accepted": count - refused - len(problems), "refused": refused, "problems": problems[:60],
                      "slowest_s": round(slowest, 2), "peak_mib": peak}), file=sys.__stdout__)
    return 0


def outcome(case: Case) -> tuple[list[str], str]:
    """(the lines a case was refused with, what should not be)."""
    try:
        lines = case() or []
    except UserError as error:
        lines = [str(error)]
    except Exception:
        return [], traceback.format_exc()
    return lines, "" if all(lines) else "refused without a word"
