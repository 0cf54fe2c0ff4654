"""Names of steps, and paths for their leaves: those of the original where they are free."""

from collections.abc import Collection, Container, Iterable


def free_paths(names: Iterable[str], reserved: Collection[str]) -> dict[str, str]:
    """Name of a step -> path of its leaf: no leaf stands below another, and no part of a path is `reserved`.

    "bn1.act" becomes "bn1_act" where "bn1" is a leaf.
    """
    paths: dict[str, str] = {}
    leaves: set[str] = set()
    parents: set[str] = set()
    for name in names:
        path = ".".join(f"{part}_" if part in reserved else part for part in name.split("."))
        while path in leaves or path in parents or any(parent in leaves for parent in _parents(path)):
            above, dot, last = path.rpartition(".")
            path = f"{above}_{last}" if dot else f"{path}_"
        leaves.add(path)
        parents.update(_parents(path))
        paths[name] = path
    return paths


def free_name(name: str, taken: Container[str]) -> str:
    """`name`, with a number behind it if it is taken."""
    free, count = name, 1
    while free in taken:
        count += 1
        free = f"{name}_{count}"
    return free


def _parents(path: str) -> list[str]:
    parts = path.split(".")
    return [".".join(parts[:count]) for count in range(1, len(parts))]
