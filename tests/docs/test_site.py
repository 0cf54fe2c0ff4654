"""The site of docs/: every page can be reached, and it builds without a warning."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]


class Loader(yaml.SafeLoader):
    """Takes mkdocs' own tags as nothing."""


Loader.add_multi_constructor("", lambda loader, tag, node: None)


def pages_of(entries):
    for entry in entries:
        for target in entry.values():
            yield from pages_of(target) if isinstance(target, list) else [target]


def test_every_page_is_in_the_navigation_once():
    named = list(pages_of(yaml.load((ROOT / "mkdocs.yml").read_text(), Loader)["nav"]))
    assert sorted(named) == sorted(path.name for path in (ROOT / "docs").glob("*.md"))


@pytest.mark.slow
def test_the_site_builds_strictly(tmp_path):
    pytest.importorskip("mkdocs", reason='pip install -e ".[docs]"')
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path)]  # --quiet would let warnings pass
    built = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, env={"NO_MKDOCS_2_WARNING": "1"})
    assert built.returncode == 0, built.stdout + built.stderr
    reference = (tmp_path / "reference" / "index.html").read_text()
    assert "quant_train" in reference
    assert 'title="mtzoo.UserError (mtzoo.errors.UserError)"' in reference, "errors are links to what they are"
    measured = (tmp_path / "deploy_measured" / "index.html").read_text()
    folded = re.search(r"<details.*?</details>", measured, re.DOTALL)[0]
    assert '<a href="../results/">' in folded, "what is folded away is Markdown, too"
    assert "<code>" in folded
