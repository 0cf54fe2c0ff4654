"""A warm process that forks one child for each request, so that a case costs no imports and its memory is its own.

    python -m tests.robustness.server

Reads one JSON object a line, answers with one: see `Server.run`. No thread may live here: none survives a fork. So the modules
are imported, and nothing of them is called.
"""

import importlib
import json
import multiprocessing
import os
import pkgutil
import resource
import signal
import sys
import time
from pathlib import Path

POLL_S = 0.01
LEAVE_S = 8.0
"""What helpers of a child may take to notice that it is gone."""
CHILDREN = 40
"""More processes than this no case may start."""
MODULES = ("torch", "torch._dynamo", "torch.utils.tensorboard", "torch.utils.data", "onnx", "onnxruntime", "openvino", "cv2",
           "PIL.Image", "mtzoo.engine.train_stages", "mtzoo.recipes.predict.output", "mtzoo.recipes.idle_options",
           "mtzoo.runtime.bench", "mtzoo.runtime.pair", "mtzoo.runtime.raw", "mtzoo.runtime.verify_mixed", "mtzoo.deploy.reference",
           "tests.robustness.base",
           *(f"tests.robustness.{name}" for name in ("fuzz", "fuzz_images", "fuzz_annotations", "fuzz_models", "fuzz_videos",
                                                "short_bench")))


def warm_up() -> None:
    """Import what any verb may need."""
    import mtzoo.cli as verbs

    for name in (*MODULES, *(f"mtzoo.cli.{module.name}" for module in pkgutil.iter_modules(verbs.__path__))):
        importlib.import_module(name)


def serve() -> None:
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    warm_up()
    for line in sys.stdin:
        print(json.dumps(run(**json.loads(line))), file=answers, flush=True)


def run(call: str, args: list, folder: str, limit_s: float, limit_mb: int, kill: tuple[float, int] | None = None) -> dict:
    """Call "module:function" with `args` in a child whose working folder and output files are in `folder`.

    It is killed beyond limit_s seconds of wall time, limit_mb MiB of memory or CHILDREN processes, or gets a signal as `kill`
    says: (after seconds, number). Its value, if it is a whole number, is its exit status. Gives that (negative: the signal that
    ended it), the seconds, the peak MiB, "time", "memory" or "processes" where a limit ended it, and whether it left processes
    behind.
    """
    child = multiprocessing.get_context("fork").Process(target=_in_child, args=(call, args, Path(folder)))
    started = time.monotonic()
    child.start()
    peak, ended, sent = 0, "", kill is None
    while child.is_alive():
        seconds = time.monotonic() - started
        peak = max(peak, peak_mb(child.pid))
        if not sent and seconds >= kill[0]:
            os.kill(child.pid, kill[1])
            sent = True
        ended = "time" if seconds > limit_s else "memory" if peak > limit_mb else "processes" if children(child.pid) > CHILDREN else ""
        if ended:
            signal_group(child.pid, signal.SIGKILL)
            child.kill()  # it may have no group of its own yet
        child.join(POLL_S)
    seconds = time.monotonic() - started
    left = is_group_left(child.pid, 0 if ended else LEAVE_S)
    signal_group(child.pid, signal.SIGKILL)
    report = Path(folder) / "peak"
    peak = max(peak, int(report.read_text() or 0) if report.exists() else 0)
    return {"status": child.exitcode, "seconds": round(seconds, 2), "peak_mb": peak, "ended": ended,
            "left": left and not ended}


def signal_group(group: int, number: int) -> bool:
    """Whether there was anybody to get the signal."""
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        return False
    return True


def is_group_left(group: int, wait_s: float) -> bool:
    """Whether processes of an ended child are still there after this time."""
    end = time.monotonic() + wait_s
    while signal_group(group, 0):
        if time.monotonic() >= end:
            return True
        time.sleep(POLL_S)
    return False


def peak_mb(pid: int) -> int:
    """The most memory that a living process has had, in MiB; 0 if it is gone."""
    try:
        text = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    found = [line.split()[1] for line in text.splitlines() if line.startswith("VmHWM:")]
    return int(found[0]) // 1024 if found else 0


def children(pid: int) -> int:
    """How many a living process has, by its main thread."""
    try:
        return len(Path(f"/proc/{pid}/task/{pid}/children").read_text().split())
    except OSError:
        return 0


def _in_child(call: str, args: list, folder: Path) -> None:
    os.setsid()
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # until the command sets its own: Python's would be a traceback of this file
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.chdir(folder / "cwd")
    for number, name, flags in ((0, "/dev/null", os.O_RDONLY), (1, folder / "out.txt", os.O_WRONLY | os.O_CREAT),
                                (2, folder / "err.txt", os.O_WRONLY | os.O_CREAT)):
        os.dup2(os.open(name, flags), number)
    sys.stdin = os.fdopen(0, closefd=False)
    module, _, function = call.partition(":")
    try:
        status = getattr(importlib.import_module(module), function)(*args)
    finally:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024  # KiB on Linux
        (folder / "peak").write_text(str(peak))
    sys.exit(status)


if __name__ == "__main__":
    serve()
