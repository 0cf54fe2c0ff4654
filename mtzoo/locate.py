"""Where configs and zoo models are: shipped ones in the checkout beside the package, in an installed wheel inside it; pulled ones
in the user's data folder."""

import ast
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import platformdirs

from mtzoo.errors import UserError, did_you_mean

PACKAGE = Path(__file__).resolve().parent
MODEL_SUFFIX, WEIGHTS_SUFFIX = ".onnx", ".safetensors"
ZOO = "zoo:"
"""What the name of float weights in the zoo begins with, where a checkpoint's path may stand."""
VARIABLE = "MTZOO_ZOO"


def find_config(name_or_path: str | Path) -> Path:
    """A config file: a path that exists (with or without .py), else the name of a shipped config.

    "4pe_resize/multitask", "4pe_resize/multitask.py" and "configs/4pe_resize/multitask.py" work from any folder.
    Raises UserError with the nearest known name.
    """
    root = shipped_folder("configs")
    return _find(str(name_or_path), ".py", root.name, _config_files(root), "config", fits=_has_tasks)


def find_model(name_or_path: str | Path) -> Path:
    """A deploy model: a path that exists (with or without .onnx), else the name of a zoo model, shipped or pulled.

    Raises UserError with the nearest known name, and for an address.
    """
    _check_no_address(str(name_or_path), "model")
    return _find(str(name_or_path), MODEL_SUFFIX, "zoo", _in_zoo(MODEL_SUFFIX), "model")


def find_checkpoint(name_or_path: str | Path) -> Path:
    """The float weights of a zoo model for `zoo:NAME`; any other path as it is. Raises UserError with the nearest known name, and
    for an address."""
    text = str(name_or_path)
    _check_no_address(text, "checkpoint")
    if not text.startswith(ZOO):
        return Path(name_or_path)
    name, known = text.removeprefix(ZOO), _in_zoo(WEIGHTS_SUFFIX)
    if name not in known:
        raise UserError(f"{text}: no zoo model with float weights of this name{did_you_mean(name, known)}; `mtzoo zoo pull` gets more")
    return known[name]


def _check_no_address(text: str, kind: str) -> None:
    if "://" in text:
        name = f"{ZOO}NAME" if kind == "checkpoint" else "NAME"
        raise UserError(f"{kind} '{text}': is an address; get the model from there first, mtzoo zoo pull NAME --from {text}, then "
                        f"write {name}")


def checkpoint_name(path: Path) -> str:
    """What `find_checkpoint` finds a checkpoint by from any folder: `zoo:NAME`, or its absolute path."""
    name = next((name for name, weights in _in_zoo(WEIGHTS_SUFFIX).items() if weights == path), None)
    return os.path.abspath(path) if name is None else f"{ZOO}{name}"


def list_zoo_weights() -> dict[str, Path]:
    """Name -> file of the float weights in the zoo, shipped and pulled."""
    return dict(sorted(_in_zoo(WEIGHTS_SUFFIX).items()))


def list_configs() -> list[str]:
    """List the shipped configs that can be run.

    Returns:
        Sorted names, e.g. `"4pe_resize/multitask"`. Files that only other configs import have no `tasks` and are left out.
    """
    return sorted(shipped_configs())


def shipped_configs() -> dict[str, Path]:
    """Name -> file of each shipped config that can be run, see `list_configs`. Parses all of them."""
    return {name: path for name, path in _config_files(shipped_folder("configs")).items() if _has_tasks(path)}


def _config_files(root: Path) -> dict[str, Path]:
    """Name -> file, also of those that only other configs import."""
    return {path.relative_to(root).with_suffix("").as_posix(): path for path in root.rglob("*.py")}


def list_models() -> list[str]:
    """List the zoo models on this machine.

    Returns:
        Sorted names of shipped models and of models that `mtzoo zoo pull` has fetched.
    """
    return sorted(_in_zoo(MODEL_SUFFIX))


def pulled_folder() -> Path:
    """Where `mtzoo zoo pull` puts models: the environment variable MTZOO_ZOO, or the user's data folder."""
    given = os.environ.get(VARIABLE)
    return Path(given) if given else platformdirs.user_data_path("mtzoo", appauthor=False) / "zoo"


def _in_zoo(suffix: str) -> dict[str, Path]:
    """Name -> its file; a shipped one goes before a pulled one of the same name."""
    return {path.stem: path for folder in (pulled_folder(), shipped_folder("zoo")) for path in folder.glob(f"*{suffix}")}


def shipped_folder(name: str) -> Path:
    """`configs` or `zoo`: inside the package if it was installed from a wheel, else beside it."""
    inside = PACKAGE / name
    return inside if inside.is_dir() else PACKAGE.parent / name


def _find(text: str, suffix: str, folder: str, known: dict[str, Path], kind: str, fits: Callable[[Path], bool] = Path.is_file) -> Path:
    """fits: whether a known file is one of the kind; asked of the file with the name, or of all where none has it, for a hint."""
    path = Path(os.path.expanduser(text))  # the one of Path fails for a user that is not known
    for candidate in (path, path.with_name(path.name + suffix)) if path.name else ():
        if candidate.is_file():
            return candidate.resolve()
    name = text.removeprefix("./").removeprefix(f"{folder}/").removesuffix(suffix)
    if name in known and fits(known[name]):
        return known[name]
    if text and path.is_dir():
        raise UserError(f"{kind} '{text}': is a folder; name a {suffix} file in it")
    if text and path.exists():
        raise UserError(f"{kind} '{text}': is a pipe or device; name a {suffix} file")
    hint = did_you_mean(name, [name for name, path in known.items() if fits(path)], "`mtzoo list` shows them")
    raise UserError(f"{kind} '{text}': no such file, and no shipped {kind} has this name{hint or f'; there are no shipped {kind}s'}")


def _has_tasks(path: Path) -> bool:
    """Whether a config binds `tasks` at its top level, itself or by an import of it or of everything. Parsed, not run."""
    for node in _top_level(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Assign) and any(getattr(target, "id", "") == "tasks" for target in node.targets):
            return True
        if isinstance(node, ast.ImportFrom) and any((name.asname or name.name) == "tasks" for name in node.names):
            return True
        if isinstance(node, ast.ImportFrom) and node.level and node.module and node.names[0].name == "*":
            other = path.parents[node.level - 1].joinpath(*node.module.split(".")).with_suffix(".py")
            if other.is_file() and _has_tasks(other):
                return True
    return False


def _top_level(node: ast.AST) -> Iterator[ast.stmt]:
    """The statements of a module, those within `with`, `if` and `try` included."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.stmt | ast.ExceptHandler) and not isinstance(child, ast.FunctionDef | ast.ClassDef):
            yield child
            yield from _top_level(child)
