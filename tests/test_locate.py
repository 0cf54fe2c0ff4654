import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from mtzoo import locate
from mtzoo.errors import UserError
from mtzoo.locate import find_checkpoint, find_config, find_model, list_configs

ROOT = Path(__file__).resolve().parents[1]
MULTITASK = ROOT / "configs" / "4pe_resize" / "multitask.py"


@pytest.mark.parametrize("name", ["4pe_resize/multitask", "4pe_resize/multitask.py", "configs/4pe_resize/multitask.py",
                                  "./configs/4pe_resize/multitask.py", str(MULTITASK), str(MULTITASK.with_suffix(""))])
def test_a_config_is_found_from_any_folder(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert find_config(name) == MULTITASK


def test_an_existing_file_wins_over_a_shipped_name(tmp_path, monkeypatch):
    own = tmp_path / "4pe_resize" / "multitask.py"
    own.parent.mkdir()
    own.write_text("tasks = {}\n")
    monkeypatch.chdir(tmp_path)
    assert find_config("4pe_resize/multitask") == own


def test_a_misspelt_config_names_the_nearest(tmp_path):
    with pytest.raises(UserError, match=r"'4pe_resize/multitsk'.*did you mean '4pe_resize/multitask'"):
        find_config("4pe_resize/multitsk")
    with pytest.raises(UserError, match="is a folder"):
        find_config(tmp_path)
    os.mkfifo(tmp_path / "pipe.py")
    with pytest.raises(UserError, match="is a pipe or device"):
        find_config(tmp_path / "pipe.py")
    with pytest.raises(UserError, match="no such file"):
        find_config("")


def test_the_home_of_nobody_is_one_line():
    with pytest.raises(UserError, match="'~nobody-of-this-name/x': no such file"):
        find_config("~nobody-of-this-name/x")


def test_parts_that_configs_import_are_not_listed(tmp_path, monkeypatch):
    names = list_configs()
    assert "4pe_resize/multitask" in names
    assert not [n for n in names if n.startswith("common/") or n.endswith("/utils")]
    monkeypatch.setattr(locate, "shipped_folder", lambda name: tmp_path)
    (tmp_path / "a").mkdir()
    for name, text in {"base": "tasks = dict()", "twin": "from .base import *", "a/far": "from ..twin import *",
                       "named": "from .base import solver, tasks", "renamed": "from .base import tasks as _tasks",
                       "part": "solver = []", "other": "from .part import *"}.items():
        (tmp_path / f"{name}.py").write_text(text + "\n")
    assert list_configs() == ["a/far", "base", "named", "twin"]


def test_of_all_configs_only_the_one_that_is_named_is_read(monkeypatch):
    """Reading all of them takes longer than most of what starts with a config."""
    read, has_tasks = [], locate._has_tasks
    monkeypatch.setattr(locate, "_has_tasks", lambda path: read.append(path) or has_tasks(path))
    assert find_config("4pe_resize/multitask") == MULTITASK
    assert read[0] == MULTITASK
    assert len(read) < 5  # and what it imports
    read.clear()
    assert find_config(MULTITASK) == MULTITASK
    assert not read


def test_a_model_is_found_by_path_without_suffix(tmp_path):
    (tmp_path / "net.onnx").write_bytes(b"")
    assert find_model(tmp_path / "net") == tmp_path / "net.onnx"
    with pytest.raises(UserError, match="model 'no_such_net': no such file"):
        find_model("no_such_net")


@pytest.mark.slow
def test_an_installed_wheel_finds_and_loads_its_configs(tmp_path):
    """The wheel carries configs/, zoo/ and the hardware profiles, and the configs' relative imports work there."""
    build = "import setuptools.build_meta as b, sys; b.build_wheel(sys.argv[1])"
    source = tmp_path / "source"
    files = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=True)
    for file in files.stdout.splitlines():
        if (ROOT / file).is_file():
            (source / file).parent.mkdir(parents=True, exist_ok=True)
            (source / file).write_bytes((ROOT / file).read_bytes())
    subprocess.run([sys.executable, "-c", build, str(tmp_path)], cwd=source, check=True, capture_output=True)
    wheel = next(tmp_path.glob("mtzoo-*.whl"))
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    assert (tmp_path / "site" / "mtzoo" / "compression" / "hardware" / "generic-arm-a75.yaml").is_file()
    code = ("from mmengine.config import Config; from mtzoo.locate import find_config, list_configs\n"
            "path = find_config('4pe_resize/multitask')\n"
            "config = Config.fromfile(str(path), lazy_import=True)\n"
            "print(path, len(config['tasks']), 'tasks', len(list_configs()), 'configs')")
    out = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env={"PYTHONPATH": str(tmp_path / "site")},
                         capture_output=True, text=True, check=True).stdout.split()
    assert out[0] == str(tmp_path / "site" / "mtzoo" / "configs" / "4pe_resize" / "multitask.py")
    assert out[1:3] == ["6", "tasks"]
    assert int(out[3]) == len(list_configs())


@pytest.mark.parametrize(("find", "written"), [(find_model, "NAME"), (find_checkpoint, "zoo:NAME")])
def test_an_address_is_told_how_to_get_the_model(find, written):
    with pytest.raises(UserError, match=f"'hf://a/b': is an address; .* mtzoo zoo pull NAME --from hf://a/b, then write {written}$"):
        find("hf://a/b")
