"""List the shipped configs and the zoo models.

  mtzoo list
  mtzoo list --configs | grep resize
"""

import argparse
import ast
import json
from pathlib import Path

from mtzoo.cli.columns import two_columns
from mtzoo.console import say
from mtzoo.errors import UserError
from mtzoo.files import read_whole
from mtzoo.locate import find_model, list_models, shipped_configs

MAX_SIDECAR_BYTES = 64 << 20
HELP = "list the shipped configs and zoo models"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    only = parser.add_mutually_exclusive_group()
    only.add_argument("--configs", action="store_true", help="only configs")
    only.add_argument("--models", action="store_true", help="only zoo models")


def run(args: argparse.Namespace) -> int:
    sections = []
    if not args.models:
        sections.append(("configs", {name: first_doc_line(path) for name, path in sorted(shipped_configs().items())}))
    if not args.configs:
        sections.append(("zoo models", {name: describe_model(find_model(name)) for name in list_models()}))
    for number, (title, rows) in enumerate(sections):
        for line in [*[""] * bool(number), f"{title}:", *two_columns(rows or {"none": ""})]:
            say(line)
    return 0


def first_doc_line(path: Path) -> str:
    """The first line of a config's docstring; the file is parsed, not run."""
    return (ast.get_docstring(ast.parse(path.read_bytes())) or "").partition("\n")[0]


def describe_model(path: Path) -> str:
    """Tasks and size of a zoo model, from its sidecar JSON."""
    size = f"{path.stat().st_size / 1e6:.2f} MB"
    sidecar = path.with_suffix(".json")
    if not sidecar.is_file():
        return f"{size}, without its sidecar {sidecar.name}"
    try:
        values = json.loads(read_whole(sidecar, "sidecar", MAX_SIDECAR_BYTES, "export the model again"))
    except (UserError, ValueError, RecursionError):
        values = None
    if not isinstance(values, dict) or not isinstance(values.get("tasks"), dict):
        return f"{size}, its sidecar {sidecar.name} is damaged"
    return f"{size}: {', '.join(values['tasks'])}"
