"""Which trunk to deploy: accuracy after an equal short training on CamVid, against latency with six tasks at 512x960.

    python tools/trunk_study.py train --out work_dirs/trunks --epochs 20 --ctx 0 --jobs 5 --quantize repnet-small vargnetv2-0.5
    python tools/trunk_study.py latency --out work_dirs/trunks --threads 1 2
    python tools/trunk_study.py table --out work_dirs/trunks

`train` and `latency` leave NAME.json and NAME-latency.json of each candidate in --out. What is trained already is left out, a training
that was stopped goes on. `table` needs nothing but these files. CamVid lies in $MTZOO_DATA/camvid. Latency needs a quiet machine, and
no trained weights: it is that of the whole network, boxes and label maps inside, with random weights.
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import fmean, median

import numpy as np
import torch
from one_line_errors import one_line_errors
from trunk_candidates import CANDIDATES, on_camvid, six_tasks
from trunk_table import latency_path, report, result_path

from mtzoo.config import ExperimentConfig
from mtzoo.console import PlainConsole
from mtzoo.deploy.export import describe
from mtzoo.engine.checks import check_network
from mtzoo.engine.latency_check import latency_model
from mtzoo.engine.ptq import fold_all
from mtzoo.engine.run import Run, stages, start_run
from mtzoo.engine.stages import config_network, network_at
from mtzoo.engine.train_stages import train
from mtzoo.models.costs import node_costs
from mtzoo.recipes.models import export_spec
from mtzoo.runtime.executors import OpenVinoExecutor
from mtzoo.runtime.feeds import noise_feeds
from mtzoo.runtime.timing import interleaved, machine

FLOAT_STAGE, INT8_STAGE = "with-bn-float", "fusion-bn-c2"
PRECISIONS = {"fp32": "f32", "bf16": "bf16", "int8": "f32"}
"""Name -> what OpenVINO's float operators compute in."""


def camvid_config(name: str, args: argparse.Namespace) -> ExperimentConfig:
    epochs = {"solver.0.float_phase": args.epochs, "solver.0.quant_phase": args.quant_epochs,
              "solver.1.quant_phase": args.quant_epochs / 2, "solver.2.quant_phase": args.quant_epochs / 2}
    options = {f"{phase}.epochs": count for phase, count in epochs.items()}
    options |= {f"{phase}.batch_size": args.batch_size for phase in epochs}
    options |= {"solver.0.float_phase.optimizer.lr": args.learning_rate, "env.workers": args.workers, "env.seed": args.seed,
                "env.threads": args.threads_of_a_job}
    return on_camvid(CANDIDATES[name], options, args.imagenet or "imagenet")


def train_one(name: str, args: argparse.Namespace) -> None:
    """Train and evaluate; NAME.json is written behind each stage, so that what is done stays if the rest is cut off."""
    config, quantize = camvid_config(name, args), name in args.quantize
    check_network(config)
    work_dir, started, size = (args.checkpoints or args.out) / name, time.perf_counter(), costs(name)

    def write_row(run: Run, step: int, quantized: bool) -> None:
        found = accuracy(run)
        row = {"name": name, "settings": settings(args, quantize="int8" in found), **found, **size,
               "seconds": round(time.perf_counter() - started, 1), "device": str(run.device)}
        result_path(args.out, name).write_text(json.dumps(row, indent=1))

    begun = any(work_dir.glob("*.pt"))
    run = start_run(config, work_dir, ctx=args.ctx, resume=begun, pipeline_test=args.pipeline_test, console=PlainConsole())
    train(run, stages(config, float_only=not quantize), resume=begun, on_stage_end=write_row)


def settings(args: argparse.Namespace, quantize: bool) -> dict[str, object]:
    """What has to be equal in all rows of a comparison."""
    return {"epochs": args.epochs, "batch_size": args.batch_size, "learning_rate": args.learning_rate, "seed": args.seed,
            "quant_epochs": args.quant_epochs if quantize else None, "pipeline_test": args.pipeline_test}


def accuracy(run: Run) -> dict[str, object]:
    """All metrics of the float stage, and of the last quantized one, whose network is step 3's but for the last bit of its form."""
    stage = {record.name: record.metrics for record in run.history}
    return {kind: {key: None if np.isnan(value) else value for key, value in stage[name].items()}
            for kind, name in (("float", FLOAT_STAGE), ("int8", INT8_STAGE)) if name in stage}


def costs(name: str) -> dict[str, int]:
    """Of the six-task network as it is deployed, at its deploy size."""
    config = six_tasks(CANDIDATES[name])
    found = node_costs(fold_all(config_network(config), config), config.deploy_geometry.input_hw)
    return {"parameters": sum(cost.params for cost in found), "macs": sum(cost.macs for cost in found)}


def train_all(args: argparse.Namespace) -> int:
    """Each candidate in a process of its own, `--jobs` at a time; returns 1 if one failed."""
    todo = [name for name in args.only if not finished_alike(name, args)]
    print(f"to train: {', '.join(todo) or 'nothing'}", flush=True)
    with ThreadPoolExecutor(args.jobs) as pool:
        failed = list(pool.map(lambda name: in_own_process(name, args), todo))
    return int(any(failed))


def finished_alike(name: str, args: argparse.Namespace) -> bool:
    path = result_path(args.out, name)
    return path.exists() and json.loads(path.read_text())["settings"] == settings(args, name in args.quantize)


def in_own_process(name: str, args: argparse.Namespace) -> bool:
    """Whether the training of one candidate failed; what it says is in NAME.log."""
    command = [sys.executable, __file__, *args.argv, "--only", name, "--here"]
    with (args.out / f"{name}.log").open("a") as log:
        failed = subprocess.run(command, stdout=log, stderr=subprocess.STDOUT, check=False).returncode != 0
    print(f"{name}: {'failed, see ' + log.name if failed else 'trained'}", flush=True)
    return failed


def latency_models(name: str, precisions: Sequence[str]) -> tuple[dict[str, object], object]:
    """(precision -> ONNX model with random weights, what describes its inputs)."""
    config = six_tasks(CANDIDATES[name])
    net, spec = fold_all(network_at(config, 0, quantized=False), config), export_spec(config, 3)
    models = {precision: latency_model(net, spec, "int8" if precision == "int8" else "fp32") for precision in precisions}
    return models, describe(next(iter(models.values())), net, spec)


def measure(args: argparse.Namespace) -> int:
    """All candidates in the same rounds, and NAME-latency.json of each."""
    built = {name: latency_models(name, args.precisions) for name in args.only}
    found: dict[str, dict[str, dict[str, object]]] = {name: {} for name in built}
    for threads in args.threads:
        calls = {}
        for name, (models, info) in built.items():
            feeds = noise_feeds(info)
            for precision, model in models.items():
                executor = OpenVinoExecutor(model, threads, PRECISIONS[precision])
                if executor.float_layers:
                    print(f"{name} {precision}: {executor.float_layers} layers run in float: not a figure to compare", flush=True)
                calls[name, precision] = lambda executor=executor, feeds=feeds: executor.run(feeds)
        torch.set_num_threads(threads)
        for (name, precision), times in interleaved(calls, args.runs, None).items():
            found[name].setdefault(str(threads), {})[precision] = summary(times)
        print(f"{threads} threads: measured", flush=True)
    for name, times in found.items():
        row = {"name": name, "machine": machine(), "runs": args.runs, "ms": times}
        latency_path(args.out, name).write_text(json.dumps(row, indent=1))
    return 0


def summary(times: Sequence[float]) -> dict[str, float]:
    """Milliseconds."""
    return {"min": min(times), "q25": float(np.quantile(times, 0.25)), "median": median(times), "mean": fmean(times)}


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("what", choices=["train", "latency", "table"])
    made.add_argument("--out", type=Path, required=True)
    made.add_argument("--checkpoints", type=Path, metavar="DIR", help="where trainings are kept to go on from (--out)")
    made.add_argument("--only", nargs="+", choices=CANDIDATES, default=list(CANDIDATES), metavar="NAME", help=", ".join(CANDIDATES))
    made.add_argument("--epochs", type=float, default=20, help="of float training (20)")
    made.add_argument("--quantize", nargs="*", choices=CANDIDATES, default=[], metavar="NAME", help="train these to integers, too")
    made.add_argument("--quant-epochs", type=float, default=2, help="with BN; half as many behind each fold (2)")
    made.add_argument("--batch-size", type=int, default=8)
    made.add_argument("--learning-rate", type=float, default=2e-3)
    made.add_argument("--seed", type=int, default=0)
    made.add_argument("--imagenet", metavar="FILE",
                      help="weights that mobilenetv2-imagenet starts from; default: torchvision's, which are downloaded")
    made.add_argument("--ctx", default="cpu", help="cpu, or the GPU's number")
    made.add_argument("--jobs", type=int, default=1, help="trainings at a time (1)")
    made.add_argument("--workers", type=int, default=2, help="processes that read images, of each training (2)")
    made.add_argument("--threads-of-a-job", type=int, default=1, help="CPU threads of each training (1)")
    made.add_argument("--pipeline-test", action="store_true", help="a few iterations")
    made.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    made.add_argument("--threads", type=int, nargs="+", default=[1, 2], help="of the latency (1 2)")
    made.add_argument("--precisions", nargs="+", choices=PRECISIONS, default=list(PRECISIONS), metavar="NAME")
    made.add_argument("--runs", type=int, default=30, help="interleaved rounds of the latency (30)")
    return made


@one_line_errors
def main(argv: Sequence[str]) -> int:
    reader = parser()
    args = reader.parse_args(argv)
    if args.imagenet and not args.here and (args.what != "train" or not any(CANDIDATES[name].pretrained for name in args.only)):
        reader.error(f"--imagenet {args.imagenet} changes nothing: no network that is trained here starts from it")
    args.argv = list(argv)
    args.out.mkdir(parents=True, exist_ok=True)
    if args.what == "train" and args.here:
        train_one(args.only[0], args)
        return 0
    return {"train": train_all, "latency": measure, "table": lambda args: report(args.out, list(CANDIDATES))}[args.what](args)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
