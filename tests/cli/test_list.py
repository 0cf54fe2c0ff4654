import json
import subprocess
import sys

import pytest

from mtzoo import locate
from mtzoo.cli import main as cli


def test_configs_are_listed_with_what_they_are(capsys):
    assert cli.main(["list", "--configs"]) == 0
    lines = capsys.readouterr().out.splitlines()
    multitask = next(line for line in lines if "4pe_resize/multitask" in line)
    assert "four detection and two segmentation branches" in multitask


def test_each_config_is_described_by_a_whole_sentence(capsys):
    cli.main(["list", "--configs"])
    heading, *lines = capsys.readouterr().out.splitlines()
    assert len(lines) > 50
    assert [line for line in lines if not line.endswith(".")] == []


def test_zoo_models_are_listed_with_size_and_tasks(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(locate, "shipped_folder", lambda name: tmp_path)
    (tmp_path / "street.onnx").write_bytes(b"x" * 1_200_000)
    (tmp_path / "street.json").write_text(json.dumps({"tasks": {"seg_default": {}, "det_person": {}}}))
    assert cli.main(["list", "--models"]) == 0
    assert capsys.readouterr().out == "zoo models:\n  street  1.20 MB: seg_default, det_person\n"
    for damaged in ("{", "[1]", '{"tasks": 3}', "[" * 100_000, "\xff"):
        (tmp_path / "street.json").write_bytes(damaged.encode("latin-1"))
        assert cli.main(["list", "--models"]) == 0
        assert "its sidecar street.json is damaged" in capsys.readouterr().out
    (tmp_path / "street.json").unlink()
    cli.main(["list", "--models"])
    assert "without its sidecar street.json" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["torch", "cv2", "mmengine"])
def test_the_list_loads_no_heavy_package(name):
    code = f"import sys; from mtzoo.cli.main import main; main(['list']); sys.exit('{name}' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], stdout=subprocess.DEVNULL).returncode == 0
