"""Sparsity: a float network is trained on while more and more of its weights become zero, then made integers."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import onnx
from rich.table import Table

from mtzoo.compression.sparsity import UNSTRUCTURED
from mtzoo.config import ExperimentConfig, config_from_dict
from mtzoo.config.overrides import override
from mtzoo.console import PlainConsole
from mtzoo.deploy.file import read_deploy_file
from mtzoo.engine.calibration import Batches, calibration_images
from mtzoo.engine.distributed import is_main, run_console
from mtzoo.engine.fingerprint import ADVICE
from mtzoo.engine.ptq import integer_network, load_float_network, require_exact
from mtzoo.engine.retraining import Retraining, retrain, retraining_config
from mtzoo.engine.work_dir import MARKER
from mtzoo.errors import UserError
from mtzoo.locate import find_checkpoint
from mtzoo.progress import follows_console, show_progress
from mtzoo.recipes.adopt import adopt_checkpoint
from mtzoo.recipes.config import CheckpointLike, ConfigLike, config_for
from mtzoo.recipes.data_folders import say_folders
from mtzoo.recipes.exported import Compressed, export_integer
from mtzoo.recipes.output_folder import claim_folder, default_folder
from mtzoo.recipes.workspace import BENCH_RUNS, ORIGINAL, Workspace, float_checkpoint, int8_job, integer_base
from mtzoo.runtime.sparse import SparseLatency, Stored, compare_sparse, stored
from mtzoo.strict_json import write_json

SPARSE = "sparse, int8"


@dataclass(frozen=True)
class SparsifyResult:
    """What `sparsify` returns.

    Attributes:
        out: The folder of all files.
        checkpoint: The sparse float network.
        integers: Its integer network, compared with the integer network of the original.
        dense: Sizes of the original integer network.
        sparse: Sizes of the sparse integer network.
        latency: Runtime and its latencies of both networks. Empty if they were not measured.
    """

    out: Path
    checkpoint: Path
    integers: Compressed
    dense: Stored
    sparse: Stored
    latency: Mapping[str, SparseLatency]


@follows_console
def sparsify(checkpoint: CheckpointLike, config: ConfigLike | None = None, out: str | Path | None = None, *, ratio: float | None = None,
             pattern: str | None = None, retraining: Retraining, calib_images: int | None = None, ctx: str | None = None,
             resume: bool = False, limit: int | None = None, threads: int | None = 2,
             console: PlainConsole | None = None) -> SparsifyResult | None:
    """Train a float checkpoint while its weights become zero, and quantize, export, verify, evaluate and compare the result.

    Args:
        checkpoint: A float checkpoint (`.pt`), or `zoo:NAME` for the float weights of a zoo model.
        config: A config, its name or file. Default: the config in the checkpoint.
        out: The output folder, new or empty. Default: `work_dirs/CONFIG-sparsify`.
        ratio: The share (0 to 1) of the weights that become zero.
        pattern: An N:M pattern such as `"2:4"`: the two largest of 4 neighbours along the input channels stay (arXiv 2104.08378).
            Without `ratio` and `pattern`, `sparsity` of the config applies.
        retraining: The length of the training and its settings, e.g. `Retraining(4000)`.
        calib_images: The number of training images on which ranges are observed. Default: 64, or all if there are fewer.
        ctx: The devices, as for `train`.
        resume: Continue from the last checkpoint in `out`.
        limit: Evaluate on the first N images of each validation folder. None: on all.
        threads: The CPU threads of the latency measurement. None: latency is not measured.
        console: Where progress and tables are printed. Default: stdout.

    Returns:
        The result. None in the additional processes that torchrun starts.

    Raises:
        UserError: Neither the options nor the config say what becomes zero, or the config keeps layers from being exact integers.
    """
    path, console = find_checkpoint(checkpoint), console or run_console()
    config = with_sparsity(config_for(path, config), ratio, pattern)
    out = default_folder(config, "sparsify") if out is None else Path(out)
    _lock = claim_folder(out, "--out", None if resume else (), {MARKER})
    config = retraining_config(adopt_checkpoint(config, path, console), retraining, quantized=False)
    if config.sparsity is None:
        raise UserError("nothing says what becomes zero; add --ratio, e.g. 0.75, or --pattern 2:4, or 'sparsity' to the config")
    say_folders(config, console, "train", "val")
    net = load_float_network(config, path)
    batches = Batches(calibration_images(config, calib_images))
    require_exact(int8_job(config, net, batches), "sparsify")
    trained = retrain(config, out, quantized=False, initialize=lambda run: run.net.load_state_dict(net.state_dict()),
                      console=console, ctx=ctx, resume=resume, eval_limit=limit)
    if not is_main():
        return None
    workspace = Workspace(config, out, limit, threads, console)
    workspace.say(f"{ORIGINAL}: calibrating, converting, evaluating")
    base = integer_base(workspace, net, batches)
    workspace.say(f"{SPARSE}: calibrating and converting")
    made = export_integer(workspace, base, SPARSE, *integer_network(int8_job(config, trained.net, batches)))
    return report_sparsity(workspace, base.model, made)


def with_sparsity(config: ExperimentConfig, ratio: float | None, pattern: str | None) -> ExperimentConfig:
    """The config with what is to be zero, if that is said."""
    return config_from_dict(override(config.resolved, options)) if (options := sparsity_options(ratio, pattern)) else config


def sparsity_options(ratio: float | None, pattern: str | None) -> dict[str, Any]:
    """What is to be zero as keys of a config; empty for nothing said."""
    said = ratio is not None or pattern is not None
    return {"sparsity.ratio": ratio, "sparsity.pattern": pattern or UNSTRUCTURED} if said else {}


def report_sparsity(workspace: Workspace, dense: onnx.ModelProto, made: Compressed) -> SparsifyResult:
    """Show and save what the zeros are worth. dense: the network before, in integers."""
    file = read_deploy_file(made.model)
    dense_sizes, sizes = stored(dense), stored(file.model)
    latency: dict[str, SparseLatency] = {}
    if workspace.threads is not None:
        with show_progress("measuring latency", transient=True) as on_progress:
            latency = compare_sparse(dense, file.model, file.info, workspace.threads, BENCH_RUNS,
                                     lambda done: on_progress(done, BENCH_RUNS))
    workspace.console.print(sparsity_table(dense_sizes, sizes, latency))
    for runtime, times in latency.items():
        if not times.gains:
            workspace.say(f"{runtime} gains nothing from the zeros: {times.speedup:.2f} x as fast, quicker in "
                         f"{100 * times.quicker:.0f} % of {BENCH_RUNS} rounds; it multiplies by them, too")
    values = {"dense": asdict(dense_sizes), "sparse": asdict(sizes), "latency": {name: asdict(t) for name, t in latency.items()}}
    write_json(workspace.out / "sparsity.json", values, ADVICE)
    return SparsifyResult(workspace.out, float_checkpoint(workspace.config, workspace.out), made, dense_sizes, sizes, latency)


def sparsity_table(dense: Stored, sparse: Stored, latency: dict[str, SparseLatency]) -> Table:
    """Sizes and latencies of two integer networks of the same layers."""
    table = Table("", ORIGINAL, SPARSE, "", title="the same layers with and without zeros")
    for column in table.columns[1:]:
        column.justify = "right"
    zeros = 100 * (1 - sparse.nonzero / sparse.weights)
    table.add_row("weights that are not 0", f"{dense.nonzero:,}", f"{sparse.nonzero:,}", f"{zeros:.1f} % are 0")
    for name, was, now in (("bytes of the file", dense.raw, sparse.raw), ("bytes, zipped", dense.deflated, sparse.deflated),
                           ("bytes, as bit mask and non-zeros", dense.masked, sparse.masked)):
        table.add_row(name, f"{was:,}", f"{now:,}", f"{was / now:.2f} x smaller")
    for runtime, times in latency.items():
        table.add_row(f"{runtime}, ms", f"{times.dense_ms:.1f}", f"{times.sparse_ms:.1f}", f"{times.speedup:.2f} x as fast")
    return table
