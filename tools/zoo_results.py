"""What trainings of the zoo leave, in few files: logs and records, then deploy models and checkpoints."""

import tarfile
from collections.abc import Sequence
from pathlib import Path

MOST_TARS = 7
RECORDS = (".log", ".json", ".html", ".done")
MAX_RECORD_BYTES = 1 << 20
RESULTS = ("int-inference-export-last.onnx", "int-inference-last.pt", "*-float-last.pt", "fusion-bn-c2-last.pt")
NUMBERED = "*-[0-9][0-9][0-9][0-9].pt"


def pack(runs: Path, out: Path, max_mb: float) -> list[str]:
    """Write logs.tar.gz and at most MOST_TARS tars of at most `max_mb` each into `out`; every file that was left out, in words."""
    out.mkdir(parents=True, exist_ok=True)
    for old in out.glob("results*.tar"):
        old.unlink()
    records = [path for path in sorted(runs.rglob("*")) if path.is_file() and path.suffix in RECORDS]
    large = [path for path in records if path.stat().st_size >= MAX_RECORD_BYTES]
    with tarfile.open(out / "logs.tar.gz", "w:gz") as tar:
        for path in records:
            if path not in large:
                tar.add(path, path.relative_to(runs))
    bins, left = into_bins(kept_files(runs), int(1e6 * max_mb))
    for number, paths in enumerate(bins, 1):
        with tarfile.open(out / f"results{number}.tar", "w") as tar:
            for path in paths:
                tar.add(path, path.relative_to(runs))
    return [f"left out: {path.relative_to(runs)}, {path.stat().st_size / 1e6:.1f} MB" for path in [*large, *left]]


def kept_files(runs: Path) -> list[Path]:
    """Results of what is through; of a run that is not, its newest checkpoint, to go on from. What matters most comes first."""
    found: list[Path] = []
    for pattern in RESULTS:
        found += [path for path in sorted(runs.rglob(pattern)) if path not in found]
    for folder in sorted({path.parent for path in runs.rglob(NUMBERED)}):
        newest = max(folder.glob(NUMBERED), key=lambda path: path.stat().st_mtime)
        if not any(path.parent == folder and path.stat().st_mtime >= newest.stat().st_mtime for path in found):
            found.append(newest)
    return found


def into_bins(paths: Sequence[Path], limit: int) -> tuple[list[list[Path]], list[Path]]:
    """(files by tar, files that no tar has room for), each put where it first fits."""
    bins: list[list[Path]] = []
    sizes: list[int] = []
    left: list[Path] = []
    for path in paths:
        size = path.stat().st_size
        place = next((i for i, taken in enumerate(sizes) if taken + size <= limit), None)
        if place is None and (size > limit or len(bins) == MOST_TARS):
            left.append(path)
            continue
        if place is None:
            place = len(bins)
            bins.append([])
            sizes.append(0)
        bins[place].append(path)
        sizes[place] += size
    return bins, left
