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
    """Train a float checkpoint on as the integers it will be, then export, verify, compare.

    out: default work_dirs/CONFIG-quant; retraining: how long and how; ctx: the device; resume: go on from the last checkpoint in
    `out`; other options as for `quantize`. None in the processes that torchrun adds. Raises UserError as `quantize`.
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
    workspace = Workspace(config, out, limit, threads, console)
    base = measure_base(workspace, net, fold_all(net, config))
    return export_quantized(workspace, base, "quant", trained.net, config)
