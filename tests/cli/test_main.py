import errno
import os
import subprocess
import sys
import types
from pathlib import Path

import pytest

from mtzoo import __version__, machine
from mtzoo.cli import main as cli
from mtzoo.errors import UserError

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def verb(monkeypatch):
    """Make `mtzoo list` do something else."""

    def replace(run):
        module = types.SimpleNamespace(__doc__="doc", add_arguments=lambda p: p.add_argument("--n", type=int), run=run)
        monkeypatch.setattr(cli, "import_verb", lambda name: module)

    return replace


def test_every_verb_file_keeps_the_contract():
    verbs = cli.discover_verbs()
    assert "list" in verbs
    for name, text in verbs.items():
        source = (ROOT / "mtzoo" / "cli" / f"{name.replace('-', '_')}.py").read_text()
        assert "\ndef add_arguments(" in source, name
        assert "\ndef run(" in source, name
        assert text == text.strip(), name
        assert text, name


def test_help_lists_every_verb_and_imports_nothing_heavy():
    out = subprocess.run([sys.executable, "-X", "importtime", "-m", "mtzoo", "--help"], cwd=ROOT, capture_output=True, text=True)
    assert out.returncode == 0
    assert all(name in out.stdout for name in cli.discover_verbs())
    assert not [m for m in ("torch", "cv2", "mmengine", "numpy", "rich") if f"| {m}\n" in out.stderr], "--help imports a heavy package"


@pytest.mark.skipif(sys.platform != "linux", reason="torch brings GNU's OpenMP along on Linux")
def test_openmp_reads_how_long_its_threads_wait_awake():
    environment = {name: value for name, value in os.environ.items() if name not in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")}
    out = subprocess.run([sys.executable, "-m", "mtzoo", "summary", "zoo/pp_humanseg_lite"], cwd=ROOT, capture_output=True, text=True,
                         env={**environment, "OMP_DISPLAY_ENV": "verbose"})
    assert out.returncode == 0
    assert f"GOMP_SPINCOUNT = '{machine.SPIN_COUNT}'" in out.stderr


def test_version(capsys):
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out == f"mtzoo {__version__}\n"


def test_no_verb_is_a_usage_error(capsys):
    assert cli.main([]) == 2
    assert "usage: mtzoo VERB" in capsys.readouterr().out


def test_an_unknown_verb_names_the_nearest(capsys):
    assert cli.main(["lits"]) == 2
    assert capsys.readouterr().err == "error: mtzoo has no verb 'lits'; did you mean 'list'?\n"


def test_arguments_reach_the_verb_and_its_status_comes_back(verb):
    verb(lambda args: args.n)
    assert cli.main(["list", "--n", "7"]) == 7


@pytest.mark.parametrize(("argv", "status"), [(["list", "--help"], 0), (["list", "--n", "x"], 2), (["list", "--m"], 2)])
def test_argparse_never_leaves_by_itself(verb, argv, status, capsys):
    verb(lambda args: 0)
    assert cli.main(argv) == status


@pytest.mark.parametrize(("message", "line"), [
    ("boxes.json: annotations[3]: bbox has no area; drop it", "boxes.json: annotations[3]: bbox has no area; drop it"),
    ("a\nb\udce9.png: fix it", "a\\nb\\udce9.png: fix it"), ("[/b]\x1b[31m: fix it", "[/b]\\x1b[31m: fix it"),
    ("x" * 10**7 + "; drop it", "x" * 468 + " [... 9,999,073 characters ...] " + "x" * 459 + "; drop it"),
])
def test_a_users_mistake_is_one_line(verb, capsys, message, line):
    def run(args):
        raise UserError(message)

    verb(run)
    assert cli.main(["list"]) == 2
    assert capsys.readouterr().err == f"error: {line}\n"


@pytest.mark.parametrize(("error", "line"), [
    (MemoryError("Unable to allocate 8.00 TiB"), "not enough memory (Unable to allocate 8.00 TiB); use smaller images"),
    (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 7 bytes"), "not enough memory (Default"),
    (RecursionError("maximum recursion depth exceeded"), "what was read is nested deeper"),
    (OSError(errno.ENOSPC, "No space left on device", "/data/[b]/x"),
     "/data/[b]/x: cannot be read or written (No space left on device)"),
    (OSError(errno.ENAMETOOLONG, "File name too long", "x" * 5000), "xxx"),
])
def test_a_fault_of_the_machine_is_one_line(verb, capsys, error, line):
    def run(args):
        raise error

    verb(run)
    assert cli.main(["list"]) == 2
    err = capsys.readouterr().err
    assert err.startswith(f"error: {line}")
    assert err.count("\n") == 1
    assert len(err) < 1100


@pytest.mark.parametrize("error", [RuntimeError("a bug"), FileNotFoundError(errno.ENOENT, "No such file", "x"), OSError("a bug")])
def test_other_exceptions_of_the_same_kind_keep_their_traceback(verb, error):
    def run(args):
        raise error

    verb(run)
    with pytest.raises(type(error)):
        cli.main(["list"])


def test_a_usage_error_is_short_and_shows_control_characters(verb, capsys):
    verb(lambda args: 0)
    assert cli.main(["list", "--n", "\x1b[31m" + "x" * 10**5]) == 2
    err = capsys.readouterr().err
    assert "invalid int value: '\\x1b[31m" in err.replace("\\\\", "\\")
    assert "\x1b" not in err
    assert len(err) < 1500


def test_an_interrupt_is_130_and_a_bug_keeps_its_traceback(verb):
    def interrupted(args):
        raise KeyboardInterrupt

    def bug(args):
        raise ZeroDivisionError

    verb(interrupted)
    assert cli.main(["list"]) == 130
    verb(bug)
    with pytest.raises(ZeroDivisionError):
        cli.main(["list"])


@pytest.mark.parametrize("argument", ["--help", "list"])
def test_a_closed_pipe_is_quiet(argument):
    code = ("import os, sys; from mtzoo.cli import main as cli; r, w = os.pipe(); os.dup2(w, 1); os.close(r); os.close(w)\n"
            f"sys.exit(cli.main(['{argument}']))")
    out = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert (out.returncode, out.stderr) == (141, "")


@pytest.mark.parametrize("when_it_works", [False, True])
def test_a_missing_system_library_says_what_to_install(when_it_works, verb, monkeypatch, capsys):
    def no_gl(name):
        raise ImportError("libGL.so.1: cannot open shared object file: No such file or directory")

    verb(no_gl)
    if not when_it_works:
        monkeypatch.setattr(cli, "import_verb", no_gl)
    assert cli.main(["list"]) == 2
    assert "apt-get install -y libgl1" in capsys.readouterr().err


def test_an_import_that_fails_otherwise_is_a_bug(verb):
    def gone(args):
        raise ImportError("cannot import name 'gone'")

    verb(gone)
    with pytest.raises(ImportError, match="gone"):
        cli.main(["list"])


WITH_CV2 = {"data", "train", "zoo-table"}
"""Verbs whose options name the formats that data sets are read in, or that write ONNX files."""


@pytest.mark.parametrize(("verbs", "waits_for"), [
    (sorted({*cli.discover_verbs()} - WITH_CV2), set()),
    (sorted(WITH_CV2), {"cv2", "numpy", "onnx"}),
], ids=["most", "with cv2"])
def test_help_waits_for_no_library_that_only_the_work_needs(verbs, waits_for):
    code = (f"import sys, mtzoo.cli.main as m; [m.verb_parser(verb, m.import_verb(verb)) for verb in {verbs}]; "
            "print(*{'torch', 'cv2', 'mmengine', 'numpy', 'openvino', 'onnx', 'onnxruntime', 'matplotlib', 'timm', 'pandas'} "
            "& set(sys.modules))")
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) == waits_for
