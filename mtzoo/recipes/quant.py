"""Quantization-aware training of a float checkpoint, in one stage."""

from pathlib import Path

from mtzoo.console import PlainConsole
from mtzoo.engine.distributed import is_main, run_console
from mtzoo.engine.ptq import fold_all, load_float_network
from mtzoo.engine.retraining import Retraining, retrain, retraining_config
from mtzoo.locate import find_checkpoint
from mtzoo.progress import follows_console
from mtzoo.recipes.adopt import adopt_checkpoint
from mtzoo.recipes.config import CheckpointLike, ConfigLike, config_for
from mtzoo.recipes.data_folders import say_folders
from mtzoo.recipes.exported import Compressed, export_quantized
from mtzoo.recipes.output_folder import claim_folder, default_folder
from mtzoo.recipes.workspace import Workspace, measure_base


@follows_console
def quant(checkpoint: CheckpointLike, config: ConfigLike | None = None, out: str | Path | None = None, *, retraining: Retraining,
          ctx: str | None = None, resume: bool = False, limit: int | None = None, threads: int | None = 2,
          console: PlainConsole | None = None) -> Compressed | None:
    """Train a float checkpoint quantization-aware (QAT) in one stage, and export, verify, evaluate and compare the result.

    Args:
        checkpoint: A float checkpoint (`.pt`), or `zoo:NAME` for the float weights of a zoo model.
        config: A config, its name or file. Default: the config in the checkpoint.
        out: The output folder. Default: `work_dirs/CONFIG-quant`.
        retraining: The length of the training and its settings, e.g. `Retraining(300)` for 300 iterations.
        ctx: The devices, as for `train`.
        resume: Continue from the last checkpoint in `out`.
        limit: Evaluate on the first N images of each validation folder. None: on all.
        threads: The CPU threads of the latency measurement. None: latency is not measured.
        console: Where progress and tables are printed. Default: stdout.

    Returns:
        The quantized network, compared with the float network. None in the additional processes that torchrun starts.

    Raises:
        UserError: The checkpoint is not a float one, or `out` holds another run.
    """
    path, console = find_checkpoint(checkpoint), console or run_console()
    config = adopt_checkpoint(config_for(path, config), path, console)
    say_folders(config, console, "train", "val")
    config = retraining_config(config, retraining, quantized=True)
    out = default_folder(config, "quant") if out is None else Path(out)
    _lock = claim_folder(out, "--out", may_hold=None)
    net = load_float_network(config, path)
    trained = retrain(config, out, quantized=True, initialize=lambda run: run.net.load_state_dict(net.state_dict()),
                      console=console, ctx=ctx, resume=resume, eval_limit=limit)
    if not is_main():
        return None
    workspace = Workspace(config, out, limit, threads, console, device=trained.device)
    base = measure_base(workspace, net, fold_all(net, config))
    return export_quantized(workspace, base, "quant", trained.net, config)
