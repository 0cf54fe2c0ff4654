"""Memory of tools/cost_growth.py: the peak of a process that runs one model, and a curve of `mtzoo predict` over many images."""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from growth_networks import write_predictor

from mtzoo.console import say
from mtzoo.data.synthetic import write_dataset
from mtzoo.errors import UserError
from mtzoo.progress import format_seconds

MIB = 1 << 20
IMAGE_HW, INPUT_HW = (144, 256), (96, 160)
"""Of the pictures that predict reads, and of its network."""
SEED, CALIBRATION, MIN_SCORE = 7, 32, "0.1"
TELL_EVERY, LOOK_EVERY = 10.0, 0.25
"""Seconds."""
RUN_MODEL = """
import sys
from pathlib import Path
from mtzoo.runtime import DeployModel
from mtzoo.runtime.feeds import noise_feeds
path, threads = sys.argv[1], int(sys.argv[2])
if path:
    model = DeployModel.load(path, threads=threads, cache=False)
    for _ in range(5):
        model.run(noise_feeds(model.info))
print(next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")).split()[1])
"""
"""A process of its own: what others have loaded before is not in its peak. Its parent's is in `getrusage`'s, so the system is asked."""


def peak_of_model(path: Path | None, threads: int) -> float:
    """MiB at most of a process that loads a deploy model and runs it five times; None: of one that only imports what that takes."""
    check_system()
    command = [sys.executable, "-c", RUN_MODEL, str(path or ""), str(threads)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise UserError(f"{path}: cannot be run ({done.stderr.strip().splitlines()[-1]})")
    return int(done.stdout) * 1024 / MIB


def check_system() -> None:
    """Raises UserError where a process cannot be asked for its memory as it is here."""
    if not sys.platform.startswith("linux"):
        raise UserError("memory is read from /proc, which only Linux has; measure there")


def predict_memory(out: Path, images: int, rendered: int, threads: int) -> dict[str, Any]:
    """What `mtzoo predict` on a folder takes: "done" images at each look and "mib" of memory then, "seconds", and what it found."""
    check_system()
    folder, seen = picture_folder(out, images, rendered), out / "seen"
    model = write_predictor(out / "models" / "predict.onnx", sorted(folder.iterdir())[:CALIBRATION], INPUT_HW)
    command = [sys.executable, "-m", "mtzoo", "predict", str(model), str(folder), "--out", str(seen), "--threads", str(threads),
               "--min-score", MIN_SCORE]
    shutil.rmtree(seen, ignore_errors=True)
    started = told = time.monotonic()
    done, mib = [], []
    with open(out / "predict.log", "w") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        while process.poll() is None:
            memory = resident(process.pid)
            count = entries(seen / "overlays")
            if memory and count and (not done or count > done[-1]):
                done.append(count)
                mib.append(round(memory / MIB, 1))
            if count and time.monotonic() - told >= TELL_EVERY:
                told = time.monotonic()
                left = (told - started) / count * (images - count)
                say(f"  predict: {count:,} of {images:,} images, {mib[-1]:.0f} MiB, {format_seconds(left)} to go")
            time.sleep(LOOK_EVERY)
    if process.returncode:
        raise UserError(f"{out / 'predict.log'}: mtzoo predict has failed; read what it says there")
    results = json.loads((seen / "results.json").read_bytes())
    boxes = sum(len(image["boxes"]) for image in results["images"])
    seconds = round(time.monotonic() - started, 1)
    shutil.rmtree(seen)
    return {"done": done, "mib": mib, "seconds": seconds, "images": len(results["images"]), "boxes": boxes}


def picture_folder(out: Path, images: int, rendered: int) -> Path:
    """`images` names for `rendered` different small scenes."""
    source, folder = out / "rendered", out / "pictures"
    write_dataset(source, rendered, SEED, size_hw=IMAGE_HW, workers=os.cpu_count() or 1)
    originals = sorted((source / "images").glob("*.jpg"))
    folder.mkdir(exist_ok=True)
    for number in range(images):
        link = folder / f"{number:06d}.jpg"
        if not link.exists():
            os.link(originals[number % len(originals)], link)
    return folder


def resident(pid: int) -> int:
    """Bytes of memory that a process has; 0 when it has ended."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError):
        return 0


def entries(folder: Path) -> int:
    try:
        with os.scandir(folder) as found:
            return sum(1 for _ in found)
    except FileNotFoundError:
        return 0
