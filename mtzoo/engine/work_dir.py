"""A work dir holds the run of one config."""

from pathlib import Path
from typing import Any

from mtzoo.config import ExperimentConfig, config_hash
from mtzoo.config.compare import difference
from mtzoo.console import note
from mtzoo.data.json_file import read_json
from mtzoo.engine.checkpoint import RESUME_ADVICE, SUFFIX, Checkpoint, load_checkpoint, save_checkpoint
from mtzoo.errors import UserError, cut
from mtzoo.files import check_writable, remove_leftovers_in
from mtzoo.locks import Lock, lock_folder
from mtzoo.strict_json import write_json

MARKER = "config.json"
PIPELINE_TEST = "-pipeline-test"
ADVICE = "choose another --out"


class WorkDir:
    """Names and finds a run's files: `<prefix>-init`, `<prefix>-0001` ..., `<prefix>-last`, `<prefix>-export-last`."""

    def __init__(self, path: Path, config: ExperimentConfig, keep: int) -> None:
        self.path, self.config, self.keep = path, config, keep
        self.lock: Lock | None = None  # until `claim`; in the processes that torchrun adds, for good

    def claim(self, resume: bool, pipeline_test: bool = False) -> None:
        """Make the folder ours, and keep other processes out of it for as long as this object lives.

        Raises UserError if another process has it, if it holds another config's run, or this one's without --resume. What changes
        no result may differ (`mtzoo.config.compare.HARMLESS`). A pipeline test and the real run are two runs: neither goes on from
        the other.
        """
        ours = config_hash(self.config) + (PIPELINE_TEST if pipeline_test else "")
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(f"{self.path}: cannot make the work dir ({error.strerror}); {ADVICE}") from error
        check_writable(self.path, "work dir", folder=True)
        self.lock = lock_folder(self.path, ADVICE)
        remove_leftovers_in(self.path)
        marker = self.path / MARKER
        trained = any(self.path.glob(f"*{SUFFIX}"))
        if marker.exists():
            held = read_marker(marker)
            if not self._is_untouched(held):
                self._check_same(held, ours)
            if trained and not resume:
                raise UserError(f"{self.path}: holds a run of this config; continue with --resume, choose another --out or "
                                "remove it")
        elif trained:
            raise UserError(f"{self.path}: holds checkpoints but no {MARKER}; {ADVICE}")
        values = {"name": self.config.name, "hash": ours, "config": self.config.resolved}
        write_json(marker, values, ADVICE)

    def _is_untouched(self, held: dict[str, Any]) -> bool:
        """Whether nothing lies here but the marker of a run that never began, because of a fault of its data, say."""
        return {"hash", "config"} <= set(held) and all(path.name == MARKER or path.name.startswith(".") for path in self.path.iterdir())

    def _check_same(self, held: dict[str, Any], ours: str) -> None:
        """Raises UserError naming what is different in a run whose results would be. How it is run may change."""
        theirs, config = str(held.get("hash")), held.get("config")
        if theirs == ours:
            return
        if theirs.endswith(PIPELINE_TEST) != ours.endswith(PIPELINE_TEST):
            why = "one of the two is a pipeline test"
        elif not isinstance(config, dict):
            why = f"its {MARKER} does not say which"
        elif found := difference(config, self.config):
            why = f"it has {found}"
        else:
            return
        raise UserError(f"{self.path}: holds the run of another config ({cut(str(held.get('name')))}, {cut(theirs)}); choose another "
                        f"--out or remove it ({why})")

    def check_there(self) -> None:
        """Raises UserError when somebody has deleted the folder, or made it anew, while the run went on: nothing is to be written
        then, since half a work dir would be no place to go on from."""
        if self.lock is not None and not self.lock.holds():
            raise UserError(f"{self.path}: the work dir was deleted or replaced while the run was going on, nothing more is written; "
                            "start the run again")

    def file(self, step: int, tag: str, suffix: str = SUFFIX) -> Path:
        """`<prefix>-<tag><suffix>` of a step."""
        return self.path / f"{self.config.solver[step].prefix}-{tag}{suffix}"

    def save(self, path: Path, checkpoint: Checkpoint) -> Path:
        """Write a checkpoint of this run; its path again. Raises UserError that says whether there is one to go on from."""
        self.check_there()
        save_checkpoint(path, checkpoint, RESUME_ADVICE if any(self.path.glob(f"*{SUFFIX}")) else ADVICE)
        return path

    def save_numbered(self, checkpoint: Checkpoint) -> Path:
        """The next `<prefix>-NNNN`; older ones beyond `keep` go, once the new one is on disk."""
        numbered = self._numbered(checkpoint.progress.step)
        number = int(numbered[-1].stem[-4:]) + 1 if numbered else 1
        path = self.file(checkpoint.progress.step, f"{number:04d}")
        self.save(path, checkpoint)
        for old in [*numbered, path][:-self.keep]:
            old.unlink(missing_ok=True)
        return path

    def latest(self) -> tuple[Path, Checkpoint] | None:
        """The checkpoint furthest in training of those that can be read, or None. What cannot be read is told and left alone.

        Step 3's holds integers and is no place to go on from: it is made again from step 2's. Raises UserError if none can be read.
        """
        integers, faults, best = self.file(len(self.config.solver) - 1, "last"), [], None
        for path in sorted(self.path.glob(f"*{SUFFIX}")):
            if path == integers:
                continue
            try:
                checkpoint = load_checkpoint(path)
            except UserError as error:
                faults.append(error)
                continue
            if best is None or checkpoint.progress.order > best[1].progress.order:
                best = path, checkpoint
        if best is None and faults:
            raise UserError(f"{faults[0]} (of {len(faults)} checkpoints here none can be read)")
        for fault in faults:
            note(f"left out: {fault}")
        return best

    def _numbered(self, step: int) -> list[Path]:
        return sorted(self.path.glob(f"{self.config.solver[step].prefix}-[0-9][0-9][0-9][0-9]{SUFFIX}"))


def read_marker(path: Path) -> dict[str, Any]:
    """The run that a work dir holds: its "name", "hash" and "config". Raises UserError for a file that does not say it."""
    values = read_json(path, "marker of a work dir", ADVICE)
    if not isinstance(values, dict):
        raise UserError(f"{path}: does not say whose run this is; {ADVICE}")
    return values
