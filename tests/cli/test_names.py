"""Names with rich's markup in them, from the config to the report."""

import pytest

from mtzoo.cli.main import main
from tests.tiny import config_values, phase, write_config, write_images

CLASSES = ["car [big]", "[/b]x"]


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return write_images(tmp_path_factory.mktemp("names") / "[red]data[", count=4)


@pytest.fixture(scope="module")
def config(root):
    folded = [{"prefix": f"fusion-bn-c{step}", "quant_phase": phase(2)} for step in (1, 2)]
    solver = [{"prefix": "with-bn", "float_phase": phase(2)}, *folded, {"prefix": "int-inference"}]
    values = config_values(root, ["det"], solver=solver)
    values["tasks"]["det"]["classes"] = CLASSES
    values["sources"]["boxes"]["categories"] = dict(zip(("blue", "yellow"), CLASSES))
    return write_config(root / "[b]own.py", values)


@pytest.mark.slow
def test_a_training_prints_names_and_paths_as_they_are(config, tmp_path, capsys):
    work_dir = tmp_path / "[old] w" / "run[/b]x"
    assert main(["train", "--config", str(config), "--out", str(work_dir)]) == 0
    out = capsys.readouterr().out
    assert f"checkpoint: {work_dir}/with-bn-float-last.pt\n" in out
    assert all(f"│ {name} " in out for name in CLASSES)
    assert main(["eval", str(work_dir / "with-bn-float-last.pt"), "--limit", "1"]) == 0
    out = capsys.readouterr().out
    assert all(f"│ {name} " in out for name in CLASSES)


def test_the_datas_verbs_print_names_and_paths_as_they_are(config, tmp_path, capsys):
    picture = tmp_path / "[b]" / "stats[/b].png"
    assert main(["data", "stats", str(config), "--out", str(picture)]) == 0
    out = capsys.readouterr().out
    assert f"picture: {picture}\n" in out
    assert all(f"│ {name} " in out for name in CLASSES)
    assert main(["data", "check", str(config)]) == 0
    out = capsys.readouterr().out
    assert all(f"│ {name} " in out for name in CLASSES)
    assert main(["summary", str(config)]) == 0
    assert "[b]own at 64x96" in capsys.readouterr().out


def test_a_config_that_is_missing_is_named_as_it_is(tmp_path, capsys):
    path = tmp_path / "[/b]x" / "\x1b[31m.py"
    assert main(["summary", str(path)]) == 2
    assert f"config '{tmp_path}/[/b]x/\\x1b[31m.py': no such file" in capsys.readouterr().err
