"""The import table: which package of mtzoo may import which. A wall moves here, in the open, or not at all."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "mtzoo"

EVERYBODY = {"errors", "console", "files", "graph_spec", "locks", "locate", "machine", "plain_data", "plain_yaml", "strict_json",
             "structures", "registry", "settings", "signals", "task_kind", "ops", "progress"}
LEAVES = {
    **dict.fromkeys(("console", "graph_spec", "locate", "machine", "plain_data", "plain_yaml", "settings", "task_kind"), {"errors"}),
    "registry": {"errors", "plain_data"},
    "progress": {"errors", "console"}, "locks": {"errors", "console"}, "files": {"errors", "locks"}, "errors": set(), "signals": set(),
    "strict_json": {"files"}, "structures": set(),
    "ops": {"errors", "structures"},
}
"""Importable by all; what they import themselves."""

WORKERS = ("losses", "postprocess", "data", "evaluation", "visualization")
"""Never one another, never models."""

MAY_IMPORT: dict[str, set[str]] = {
    **LEAVES,
    "layers": EVERYBODY,
    "graph": {"layers"} | EVERYBODY,
    "lowering": {"layers", "graph"} | EVERYBODY,
    "models": {"layers", "graph", "lowering"} | EVERYBODY,
    **dict.fromkeys(WORKERS, EVERYBODY),
    "quantization": {"layers", "graph"} | EVERYBODY,
    "compression": {"layers", "graph", "quantization"} | EVERYBODY,
    # the schema is made of these packages' own frozen dataclasses
    "config": {"data", "quantization", "compression", "models", "postprocess"} | EVERYBODY,
    "deploy": {"models", "layers", "graph", "postprocess", "quantization"} | EVERYBODY,
    "hub": EVERYBODY,
    # a deploy model reads files and draws what it says
    "runtime": {"models", "graph", "postprocess", "quantization", "deploy", "data", "visualization"} | EVERYBODY,
    "foreign": {"layers", "lowering", "models", "losses", "postprocess", "quantization", "compression", "deploy",
                "runtime"} | EVERYBODY,
    "engine": {"layers", "graph", "models", *WORKERS, "quantization", "compression", "config", "deploy", "runtime"} | EVERYBODY,
}
MAY_IMPORT["recipes"] = set(MAY_IMPORT)
"""All workflows; only the command line stands above them."""
ANYTHING = ("cli", "__main__")
"""May import anything; nothing else imports them."""


def package_of(path: Path) -> str:
    """mtzoo/ops/affine.py -> ops; mtzoo/errors.py -> errors."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports_of(source: str) -> set[str]:
    """Names of the parts of mtzoo that a file imports, wherever in it: {"ops", "errors"}."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: a relative import; write it from mtzoo"
            names = [f"mtzoo.{a.name}" for a in node.names] if node.module == "mtzoo" else [node.module]
        else:
            continue
        found |= {name.split(".")[1] for name in names if name.startswith("mtzoo.")}
    return found - {"__version__"}


@pytest.mark.parametrize("package", sorted({package_of(p) for p in PACKAGE.rglob("*.py")} - {"__init__", *ANYTHING}))
def test_a_package_imports_only_what_the_table_allows(package):
    assert package in MAY_IMPORT, f"mtzoo/{package} is new: give it a row in the table"
    allowed = MAY_IMPORT[package] | {package}
    files = [p for p in PACKAGE.rglob("*.py") if package_of(p) == package]
    forbidden = {str(p.relative_to(ROOT)): names for p in files if (names := imports_of(p.read_text()) - allowed)}
    assert not forbidden


TO_USE_A_MODEL = ("runtime.frame_times", "runtime.pair", "recipes.bench_frames", "recipes.demo", "recipes.predict.output",
                  "cli.predict")
TO_PREPARE_DATA = ("cli.data", "recipes.convert_data", "data.synthetic")
"""What runs a deploy model, reads its answers, draws and saves them; what converts and renders data. `import torch` would take longer
than what most of it does."""


def loaded_with(module: str) -> dict[str, str]:
    """Modules of mtzoo and "torch" that are imported with `module` ("runtime.pair") -> the one that imports it. What is imported in a
    function, or for annotations only, is not."""
    found, left = {}, [(f"mtzoo.{module}", "the test")]
    while left:
        name, by = left.pop()
        path = ROOT / name.replace(".", "/")
        path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
        if name in found or name.partition(".")[0] not in ("mtzoo", "torch", "torchvision"):
            continue
        if name.startswith("mtzoo.") and not path.exists():  # what a module holds
            continue
        found[name] = by
        for node in ast.parse(path.read_text()).body if path.exists() else []:
            if isinstance(node, ast.Import):
                left += [(alias.name, name) for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                left += [(node.module, name), *((f"{node.module}.{alias.name}", name) for alias in node.names)]
        left.append((name.rpartition(".")[0], name))
    return found


@pytest.mark.parametrize("module", [*TO_USE_A_MODEL, *TO_PREPARE_DATA])
def test_using_a_deploy_model_and_preparing_data_need_no_torch(module):
    found = loaded_with(module)
    assert len(found) > 5
    assert not {name: by for name, by in found.items() if name.startswith("torch")}


@pytest.mark.parametrize("module", TO_USE_A_MODEL)
def test_using_a_deploy_model_reads_no_published_format(module):
    """`import mtzoo.data.convert` would take as long as all the rest."""
    assert not {name: by for name, by in loaded_with(module).items() if name.startswith("mtzoo.data.convert")}


def test_what_is_loaded_is_followed_through_all_modules():
    assert loaded_with("runtime.verify")["torch"].startswith(("mtzoo.", "torch."))
    assert "mtzoo.deploy.load" in loaded_with("runtime.verify")


def test_the_table_has_no_cycle():
    """Packages can be put in an order in which each imports only earlier ones."""
    left = {package: set(may) - {package} for package, may in MAY_IMPORT.items()}
    while left:
        free = [package for package, may in left.items() if not may & set(left)]
        assert free, f"a cycle among {sorted(left)}"
        for package in free:
            del left[package]


def test_recipes_know_nothing_of_a_command_line():
    """They speak through the console that they are given, and take typed arguments."""
    for path in (PACKAGE / "recipes").rglob("*.py"):
        tree = ast.parse(path.read_text())
        modules = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
        called = {node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
        imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for alias in node.names}
        assert not {"argparse", "sys"} & modules, path
        assert "print" not in called, path
        assert not {"Namespace", "say"} & imported, path


MOST_LINES, MOST_LINES_OF_A_VERB, MOST_LINES_OF_A_FUNCTION = 300, 80, 40


def code_lines(tree, source):
    """Lines of a file without the docstring at its head, which is the help of a verb."""
    head = tree.body[0].end_lineno if ast.get_docstring(tree) else 0
    return len(source.splitlines()) - head


def test_files_and_functions_are_short():
    """A function's docstring is not counted, nor its head."""
    files = {path: path.read_text() for path in PACKAGE.rglob("*.py")}
    assert not {str(path.relative_to(ROOT)): count for path, source in files.items()
                if (count := len(source.splitlines())) > MOST_LINES}
    long = {f"{path.relative_to(ROOT)}:{node.lineno} {node.name}": count for path, source in files.items()
            for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef)
            if (count := node.end_lineno - node.body[bool(ast.get_docstring(node)) and len(node.body) > 1].lineno + 1)
            > MOST_LINES_OF_A_FUNCTION}
    assert not long


def test_a_verb_is_options_one_call_of_a_recipe_and_what_it_prints():
    """Its file has at most 80 lines beside its help; what takes more is a recipe."""
    verbs = {path: path.read_text() for path in (PACKAGE / "cli").glob("*.py") if "\nHELP = " in path.read_text()}
    assert len(verbs) > 20
    assert not {path.name: count for path, source in verbs.items()
                if (count := code_lines(ast.parse(source), source)) > MOST_LINES_OF_A_VERB and path.name != "main.py"}


def test_imports_are_found_in_every_form():
    source = "import mtzoo.ops.affine\nfrom mtzoo import errors\ndef f():\n    from mtzoo.data.coco import load_coco\n"
    assert imports_of(source) == {"ops", "errors", "data"}
