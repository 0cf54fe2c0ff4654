"""Every package that setup.py names has its licence in docs/licences.md, and the version stands in one place."""

import ast
import re
from pathlib import Path

import mtzoo

ROOT = Path(__file__).resolve().parents[2]


def named_in_setup():
    """Names of all packages in requirements, as `torch` of "torch>=2.10"."""
    tree = ast.parse((ROOT / "setup.py").read_text())
    texts = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    return {match[1] for text in texts if (match := re.fullmatch(r"([\w-]+)(\[\w+\])?>=[\d.]+", text))}


def test_every_package_has_its_licence_listed():
    rows = [line.split("|") for line in (ROOT / "docs" / "licences.md").read_text().splitlines() if line.startswith("| ")]
    listed = {name.strip() for row in rows for name in row[1].split(",")} - {"package"}
    assert "torch" in listed
    assert listed == named_in_setup()
    assert all(row[2].strip() for row in rows)


def test_the_changelog_begins_with_this_version():
    versions = re.findall(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert versions[0] == mtzoo.__version__
    assert "0.1.0" in versions
