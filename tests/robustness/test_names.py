"""Names that a terminal, a shell or a markup language would obey: printed as they are, or as escapes; never obeyed."""

import json
import shutil

import pytest

from tests.robustness.harness import assert_held
from tests.tiny import config_values, write_config, write_images

NAMES = {
    "markup": "run[/b]x",
    "markup-open": "[red]w",
    "ansi": "\x1b[31mred",
    "bidi": "a\u202ecod.exe",
    "newline": "a\nerror: b",
    "carriage": "good\rbad",
    "bell": "a\a\b",
    "spaces": "  a  b ",
    "percent": "%s%n{0}",
    "unicode": "straße-道路",
    "dash": "-rf",
    "long": "x" * 200,
    "html": "<script>alert(1)</script>",
    "quote": "a'b\"c",
    "glob": "*[a]?",
    "dots": "...",
    "surrogate": "a\udcffb",
}
QUICK = ("markup", "ansi")
named = pytest.mark.parametrize(
    "name", [pytest.param(name, id=key, marks=[] if key in QUICK else [pytest.mark.fuzz]) for key, name in NAMES.items()]
)


def safe(name: str) -> str:
    """Of a name that holds a slash: one path part."""
    return name.replace("/", "∕")


@named
def test_places(name, harness, base, tmp_path):
    """A model, an image and --out of such a name."""
    folder = tmp_path / "in" / safe(name)
    folder.mkdir(parents=True)
    shutil.copy(base.model, folder / "m.onnx")
    shutil.copy(base.image, folder / f"{safe(name)}.png")
    argv = [
        "predict",
        folder / "m.onnx",
        folder / f"{safe(name)}.png",
        "--out",
        tmp_path / "out" / safe(name),
        "--executor",
        "onnxruntime",
    ]
    outcome = harness.verb(argv, tmp_path)
    assert_held(outcome, (0,))
    results = json.loads((tmp_path / "out" / safe(name) / "results.json").read_text())
    assert (tmp_path / "out" / safe(name) / results["images"][0]["overlay"]).is_file()


@named
def test_missing_files(name, harness, base, tmp_path):
    for argv in (
        ["predict", name, base.image, "--out", tmp_path / "out" / "o"],
        ["export", name],
        [name],
        ["data", "check", name],
        ["train", "--config", name],
    ):
        outcome = harness.verb(argv, tmp_path)
        if outcome.status == 2 and "usage: " in outcome.err:  # argparse takes -rf for an option
            continue
        assert_held(outcome)


@named
def test_class_names(name, harness, base, tmp_path):
    """In an evaluation's table, and in the counts and the check of a data set."""
    data = write_images(tmp_path / "data", 2)
    boxes = json.loads((data / "boxes.json").read_text())
    boxes["categories"][0]["name"] = name
    (data / "boxes.json").write_text(json.dumps(boxes))
    values = config_values(data)
    values["tasks"]["det"]["classes"] = [name, "yellow"]
    config = write_config(tmp_path / "config.py", values) if name.isprintable() or "\udcff" not in name else None
    if config is None:
        pytest.skip("no text of a Python file")
    for argv in (["data", "check", config], ["data", "stats", config, "--out", tmp_path / "out" / "stats"]):
        assert_held(harness.verb(argv, tmp_path), (0, 2), lists_faults=True)


@named
def test_work_dirs(name, harness, base, tmp_path):
    work_dir = tmp_path / "out" / safe(name)
    argv = ["train", "--config", base.config, "--out", work_dir, "--cfg-options", "solver.0.float_phase.iterations=1"]
    outcome = harness.verb(argv, tmp_path)
    assert_held(outcome, (0,))
    assert (work_dir / "with-bn-float-last.pt").is_file()
    if name.isprintable():
        assert str(work_dir / "with-bn-float-last.pt") in outcome.out  # the path that is printed exists
