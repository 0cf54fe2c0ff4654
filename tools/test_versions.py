"""Try mtzoo with the oldest packages that setup.py allows, and with the newest, each in a fresh environment.

    python tools/test_versions.py                                # all minimums; all newest
    python tools/test_versions.py onnx numpy torch               # the minimum of one with the newest of the rest
    python tools/test_versions.py openvino==2025.2 --verify-only
    python tools/test_versions.py minimum --python 3.10 --folder /big/disk/environments --out versions.md

In each, `mtzoo verify` counts the values in which the executors differ from the zoo model's validated network on rendered scenes
(0 is wanted); then the fast tests run, without the fuzz of tests/robustness. A Markdown table of all goes to the terminal and
to --out. Exit code 1: something differed, failed or could not be installed. An environment takes 6 to 8 GB while it is tried;
with --folder it is kept and used again.
"""

import argparse
import ast
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
MODEL = "real_resize"
TEST_TOOLS = ["pytest>=8", "hypothesis>=6"]
PIN = "=="
LIST_VERSIONS = ("import json, platform, sys; from importlib.metadata import version; "
                 "print(json.dumps({'Python': platform.python_version(), **{name: version(name) for name in sys.argv[1:]}}))")


@dataclass
class Result:
    """What one environment gave. versions: package -> installed version; verify, tests: for people to read."""

    environment: str
    versions: dict[str, str] = field(default_factory=dict)
    verify: str = "-"
    tests: str = "-"
    passed: bool = False


def read_minimums() -> dict[str, str]:
    """Package -> its minimum version, from REQUIREMENTS of setup.py."""
    for node in ast.parse((ROOT / "setup.py").read_text()).body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "REQUIREMENTS":
            return dict(requirement.split(">=") for requirement in ast.literal_eval(node.value))
    raise SystemExit("setup.py has no REQUIREMENTS")


def requirements(environment: str, minimums: dict[str, str]) -> list[str]:
    """What to install for "minimum", "newest", a package's name or NAME==VERSION."""
    if environment == "minimum":
        pins = minimums
    elif environment == "newest":
        pins = {}
    else:
        name, _, version = environment.partition(PIN)
        if name not in minimums:
            raise SystemExit(f"{environment}: give minimum, newest, NAME or NAME{PIN}VERSION; NAME is of {', '.join(minimums)}")
        pins = {name: version or minimums[name]}
    return [f"{name}{PIN}{pins[name]}" if name in pins else f"{name}>={minimum}" for name, minimum in minimums.items()]


def run(*command: str | Path, log: Path | None = None) -> subprocess.CompletedProcess[str]:
    """The command's exit code and output, in the checkout, whose mtzoo it imports. log: a file that gets the output as it comes."""
    environment = {"OMP_NUM_THREADS": "1", **os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "200"}
    given = {"cwd": ROOT, "env": environment, "text": True, "check": False}
    if log is None:
        return subprocess.run([str(part) for part in command], capture_output=True, **given)
    with log.open("w") as file:
        done = subprocess.run([str(part) for part in command], stdout=file, stderr=subprocess.STDOUT, **given)
    return subprocess.CompletedProcess(done.args, done.returncode, log.read_text(), "")


def install(python: str, folder: Path, packages: Sequence[str]) -> str | None:
    """Make or complete the environment in `folder`; the installer's last line where that cannot be done."""
    interpreter = folder / "bin" / "python"
    if shutil.which("uv"):
        steps = [["uv", "venv", "--quiet", "--allow-existing", "--python", python, folder],
                 ["uv", "pip", "install", "--quiet", "--upgrade", "--python", interpreter, *packages]]
    else:
        steps = [[python, "-m", "venv", folder], [interpreter, "-m", "pip", "install", "--quiet", "--upgrade", *packages]]
    for step in steps:
        done = run(*step)
        if done.returncode:
            return last_line(done)
    return None


def last_line(done: subprocess.CompletedProcess[str]) -> str:
    return ((done.stderr.strip() or done.stdout.strip()).splitlines() or ["no output"])[-1]


def verify(interpreter: Path, scratch: Path) -> str:
    """Differing of compared values in each executor, as `mtzoo verify` counts them; else what went wrong."""
    done = run(interpreter, "-m", "mtzoo", "data", "synth", "--out", scratch / "scenes", "--num-images", "2", "--seed", "1")
    if done.returncode == 0:
        done = run(interpreter, "-m", "mtzoo", "verify", MODEL, "--images", scratch / "scenes" / "images")
    counts = re.search(r"\ball\b.*", done.stdout)
    return " / ".join(re.findall(r"[\d,]+ of [\d,]+", counts[0])) if counts else last_line(done)


def run_tests(interpreter: Path, log: Path) -> tuple[str, bool]:
    """pytest's closing words, and whether all is well; `log` gets all that it said."""
    done = run(interpreter, "-m", "pytest", "-q", "-m", "not slow", "--ignore", "tests/robustness", "-p", "no:cacheprovider", log=log)
    return last_line(done).strip("= "), done.returncode == 0


def try_environment(environment: str, args: argparse.Namespace, folder: Path) -> Result:
    """Install, verify, test."""
    minimums, result = read_minimums(), Result(environment)
    tell(f"{environment}: installing")
    fault = install(args.python, folder, [*requirements(environment, minimums), *TEST_TOOLS])
    if fault:
        result.verify = f"not installed: {fault}"
        return result
    interpreter = folder / "bin" / "python"
    result.versions = json.loads(run(interpreter, "-c", LIST_VERSIONS, *minimums).stdout)
    with tempfile.TemporaryDirectory() as scratch:
        tell(f"{environment}: verifying")
        result.verify = verify(interpreter, Path(scratch))
    result.passed = re.match(r"0 of \S+( / 0 of \S+)+$", result.verify) is not None
    tell(f"{environment}: {result.verify}")
    if not args.verify_only:
        tell(f"{environment}: testing")
        result.tests, passed = run_tests(interpreter, folder / "tests.log")
        result.passed &= passed
        tell(f"{environment}: {result.tests}" + ("" if passed or not args.folder else f"; see {folder / 'tests.log'}"))
    return result


def table(results: Sequence[Result]) -> str:
    """A row per package, a column per environment."""
    names = list(dict.fromkeys(name for result in results for name in result.versions))
    rows = [["", *(result.environment for result in results)], ["---"] * (len(results) + 1)]
    rows += [[name, *(result.versions.get(name, "-") for result in results)] for name in names]
    rows += [["values that differ: integers in torch / ONNX Runtime / OpenVINO", *(result.verify for result in results)],
             ["fast tests", *(result.tests for result in results)]]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows) + "\n"


def tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("environments", nargs="*", default=["minimum", "newest"], metavar="ENVIRONMENT",
                        help="minimum, newest, NAME (its minimum, the newest of the rest) or NAME==VERSION")
    parser.add_argument("--python", default=sys.executable, help="the interpreter, or its version with uv (the one that runs this)")
    parser.add_argument("--folder", type=Path, help="keeps the environments; default: a temporary one, one environment at a time")
    parser.add_argument("--verify-only", action="store_true", help="leave the tests out")
    parser.add_argument("--out", type=Path, metavar="FILE", help="the table as a file")
    args = parser.parse_args()
    for environment in args.environments:
        requirements(environment, read_minimums())  # tells of a wrong name before the work begins
    results = []
    for environment in args.environments:
        with tempfile.TemporaryDirectory() as temporary:
            folder = (args.folder or Path(temporary)).resolve() / environment.replace(PIN, "-")
            results.append(try_environment(environment, args, folder))
        if args.out:
            args.out.write_text(table(results))
    print(table(results), end="")
    return 0 if all(result.passed for result in results) else 1


if __name__ == "__main__":
    sys.exit(main())
