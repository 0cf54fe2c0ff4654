"""A work dir holds the run of one config."""

import json
from pathlib import Path
from typing import Any

from mtzoo.config import ExperimentConfig, config_hash
from mtzoo.engine.checkpoint import SUFFIX, Checkpoint, load_checkpoint, save_checkpoint
from mtzoo.errors import UserError
from mtzoo.strict_json import write_json

MARKER = "config.json"


class WorkDir:
    """Names and finds a run's files: `<prefix>-init`, `<prefix>-0001` ..., `<prefix>-last`, `<prefix>-export-last`."""

    def __init__(self, path: Path, config: ExperimentConfig, keep: int) -> None:
        self.path, self.config, self.keep = path, config, keep

    def claim(self, resume: bool, pipeline_test: bool = False) -> None:
        """Make the folder ours. Raises UserError if it holds another config's run, or this one's without --resume.

        A pipeline test and the real run of a config are two runs: neither goes on from the other.
        """
        ours = config_hash(self.config) + ("-pipeline-test" if pipeline_test else "")
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(f"{self.path}: cannot make the work dir ({error.strerror}); choose another --work-dir") from error
        marker = self.path / MARKER
        if marker.exists():
            held = _read_json(marker)
            if held.get("hash") != ours:
                raise UserError(f"{self.path}: holds the run of another config ({held.get('name')}, {held.get('hash')}); "
                                "choose another --work-dir or remove it")
            if not resume and any(self.path.glob(f"*{SUFFIX}")):
                raise UserError(f"{self.path}: holds a run of this config; go on with --resume, choose another --work-dir or "
                                "remove it")
        elif any(self.path.glob(f"*{SUFFIX}")):
            raise UserError(f"{self.path}: holds checkpoints but no {MARKER}; choose another --work-dir")
        values = {"name": self.config.name, "hash": ours, "config": self.config.resolved}
        write_json(marker, values, "choose another --work-dir")

    def file(self, step: int, tag: str, suffix: str = SUFFIX) -> Path:
        """`<prefix>-<tag><suffix>` of a step."""
        return self.path / f"{self.config.solver[step].prefix}-{tag}{suffix}"

    def save_numbered(self, checkpoint: Checkpoint) -> Path:
        """The next `<prefix>-NNNN`; older ones beyond `keep` go, once the new one is on disk."""
        numbered = self._numbered(checkpoint.progress.step)
        number = int(numbered[-1].stem[-4:]) + 1 if numbered else 1
        path = self.file(checkpoint.progress.step, f"{number:04d}")
        save_checkpoint(path, checkpoint)
        for old in [*numbered, path][:-self.keep]:
            old.unlink()
        return path

    def latest(self) -> tuple[Path, Checkpoint] | None:
        """The checkpoint furthest in training, or None. A damaged one is a UserError that names it.

        Step 3's holds integers and is no place to go on from: it is made again from step 2's.
        """
        integers = self.file(len(self.config.solver) - 1, "last")
        found = [(path, load_checkpoint(path)) for path in sorted(self.path.glob(f"*{SUFFIX}")) if path != integers]
        return max(found, key=lambda item: item[1].progress.order, default=None)

    def _numbered(self, step: int) -> list[Path]:
        return sorted(self.path.glob(f"{self.config.solver[step].prefix}-[0-9][0-9][0-9][0-9]{SUFFIX}"))


def _read_json(path: Path) -> dict[str, Any]:
    try:
        values = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: unreadable ({error}); choose another --work-dir") from error
    if not isinstance(values, dict):
        raise UserError(f"{path}: does not say whose run this is; choose another --work-dir")
    return values
