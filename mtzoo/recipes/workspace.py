"""Where a compression tool writes, how its results are measured, and the float or integer base that they are compared with."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnx
import torch
from torch import nn

from mtzoo.config import ExperimentConfig
from mtzoo.console import PlainConsole
from mtzoo.deploy.export import build_model, export_model
from mtzoo.deploy.file import DeployFile, read_deploy_file
from mtzoo.deploy.info import DeployInfo
from mtzoo.engine.calibration import Batches
from mtzoo.engine.evaluate import evaluate_shown, network_predictor
from mtzoo.engine.pictures import originals, pick_samples
from mtzoo.engine.ptq import PtqInputs, fold_all, integer_network
from mtzoo.engine.stages import FLOAT_STEP, INTEGER_STEP
from mtzoo.evaluation.comparison import Variant
from mtzoo.models import MultiTaskNet
from mtzoo.models.costs import node_costs
from mtzoo.progress import OnProgress, counted, show_progress
from mtzoo.recipes.models import export_spec, model_predictor
from mtzoo.runtime.bench import compare_latency
from mtzoo.runtime.model import DeployModel
from mtzoo.settings.post_training import Corrections

VERIFY_IMAGES = 8
ORIGINAL = "original, int8"
BENCH_RUNS = 30
CPU = torch.device("cpu")


@dataclass(frozen=True)
class Workspace:
    """The folder of results, and how they are measured.

    config: that of the base; limit: images of each validation folder; threads: those of the latency measurement, None without one;
    place: that of `new_folder`, where results lie until all of them are there, None for `out`; device: evaluates torch networks.
    """

    config: ExperimentConfig
    out: Path
    limit: int | None
    threads: int | None
    console: PlainConsole
    place: Path | None = None
    device: torch.device = CPU

    @property
    def kinds(self) -> dict[str, str]:
        return self.config.kinds

    def file(self, name: str) -> Path:
        """The path that a result is written to."""
        return (self.place or self.out) / name

    def say(self, text: str) -> None:
        self.console.print(text)

    def evaluate_network(self, net: nn.Module) -> dict[str, float]:
        """Metrics of a torch network, which is on the CPU before and afterwards."""
        try:
            predict = network_predictor(net.to(self.device), self.config, self.device)
            return evaluate_shown("evaluating", predict, self.config, limit=self.limit)
        finally:
            net.cpu()

    def evaluate_file(self, path: Path) -> dict[str, float]:
        """Metrics of a deploy model, with its own post-processing."""
        return evaluate_shown(f"evaluating {path.name}", model_predictor(DeployModel.load(path)), self.config, batch_size=1,
                              limit=self.limit)

    def samples(self, on_progress: OnProgress) -> Iterator[np.ndarray]:
        """Images to verify a file on, each told when it is done."""
        return originals(counted(pick_samples(self.config, VERIFY_IMAGES), on_progress))


@dataclass(frozen=True)
class Base:
    """What a result is compared with: as measured, and as the ONNX model that a float runtime would be given."""

    variant: Variant
    model: onnx.ModelProto


def measure_base(workspace: Workspace, net: MultiTaskNet, folded: MultiTaskNet) -> Base:
    """A float network as it was trained. folded: the same without BN, which is what runs and counts."""
    workspace.say("float: evaluating")
    model = float_model(workspace.config, folded)
    parameters, macs = network_costs(folded, workspace.config)
    return Base(Variant("float", workspace.evaluate_network(net), model.ByteSize(), parameters, macs), model)


def float_model(config: ExperimentConfig, folded: MultiTaskNet) -> onnx.ModelProto:
    """A float network without BN in ONNX, with post-processing."""
    spec = export_spec(config, INTEGER_STEP)
    return build_model(folded, spec.tasks, spec.geometry, spec.input_format, quantized=False, postprocess=True,
                       layout=spec.input_layout)


def int8_job(config: ExperimentConfig, net: MultiTaskNet, batches: Batches) -> PtqInputs:
    """A float network and what its integers are calibrated on."""
    return PtqInputs(config, fold_all(net, config), batches, Corrections())


def float_checkpoint(config: ExperimentConfig, folder: Path) -> Path:
    """The file in which a training or a recipe leaves the float network."""
    return folder / f"{config.solver[FLOAT_STEP].prefix}-float-last.pt"


@contextmanager
def integer_file(config: ExperimentConfig, net: MultiTaskNet, batches: Batches) -> Iterator[DeployFile]:
    """The deploy model of a float network's integers; the file itself is gone afterwards."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "integers.onnx"
        integers, _ = integer_network(int8_job(config, net, batches))
        export_model(integers, export_spec(config, INTEGER_STEP), path, postprocess=True)
        yield read_deploy_file(path)


def integer_base(workspace: Workspace, net: MultiTaskNet, batches: Batches) -> Base:
    """The original as an integer network, measured; no file is kept."""
    _, macs = network_costs(net, workspace.config)
    with integer_file(workspace.config, net, batches) as file:
        return Base(Variant(ORIGINAL, workspace.evaluate_file(file.path), file.size, file.info.parameters, macs), file.model)


def network_costs(net: MultiTaskNet, config: ExperimentConfig) -> tuple[int, int]:
    """(parameters, multiply-accumulates of one deploy image)."""
    costs = node_costs(net, config.deploy_geometry.input_hw)
    return sum(c.params for c in costs), sum(c.macs for c in costs)


def latency_shown(models: Mapping[str, onnx.ModelProto], info: DeployInfo, threads: int, runs: int) -> dict[str, float]:
    """`compare_latency`, its progress shown."""
    with show_progress("measuring latency", transient=True) as on_progress:
        return compare_latency(models, info, threads, runs, on_round=lambda done: on_progress(done, runs))
