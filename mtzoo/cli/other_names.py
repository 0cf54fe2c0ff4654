"""What ultralytics, PaddleSeg's and PaddleSlim's scripts call an option: taken where it means the same, told where it changes nothing
here, and refused in one line that says what to write instead."""

import argparse
import os
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from mtzoo.cli.numbers import at_least, processes
from mtzoo.errors import UserError, cut

EVALUATES = "the validation images are evaluated after every phase in any case"
IDLE = {
    "--do-eval": EVALUATES,
    "--use-vdl": "TensorBoard curves are always written into the run's folder",
    "--use-gpu": "a GPU is used where there is one; --ctx chooses",
    "--use-mpio": "--workers or env.workers says how many processes read images",
}
"""Options without a value that train.py and train_quant.py have -> why they change nothing."""
CARRIED: Mapping[str, tuple[str, int | str]] = MappingProxyType({
    "--config": ("a checkpoint brings its config along", 1),
    "--not-quant-pattern": ("a checkpoint says which of its layers are in float", "+"),
})
"""The same of options with values, and how many (argparse's nargs), for verbs that read a checkpoint or a model with all it says."""
RENAMED = {
    "--resume-model": "write --resume, with the folder of that run as --out",
    "--device": "write --ctx, e.g. --ctx cpu or --ctx 0",
    "--precision": "write --cfg-options env.amp=auto, bf16 or off",
    "--iters": "write --cfg-options solver.0.float_phase.iterations=N, and so on for each step",
    "--log-iters": "write --cfg-options env.log_interval=N",
    "--log-steps": "write --cfg-options env.log_interval=N",
    "--save-interval": "write --cfg-options env.checkpoint_interval=N",
    "--keep-checkpoint-max": "write --cfg-options env.keep_checkpoints=N",
    "--seed": "write --cfg-options env.seed=N",
    "--data-format": "leave it out, the layout of tensors is not an option",
    "--profiler-options": "write `mtzoo bench` for a network, `mtzoo bench-data` for the reading of images",
    "--model-dir": "write --checkpoint CKPT, a checkpoint",
    "--model-filename": "write --checkpoint CKPT, a checkpoint",
    "--params-filename": "leave it out, a checkpoint holds network and weights",
    "--epochs": "write --iters, in iterations; `mtzoo train` has --epochs",
    "--imgsz": "write --cfg-options 'train_geometry.crop_hw=[H, W]' 'deploy_geometry.input_hw=[H, W]', or edit the config",
    "--img-size": "write --cfg-options 'train_geometry.crop_hw=[H, W]' 'deploy_geometry.input_hw=[H, W]', or edit the config",
    "--patience": "write --cfg-options 'solver.0.float_phase.validation={\"every_epochs\": 10, \"patience\": 5}'",
    "--freeze": "`mtzoo train` has it; else write --cfg-options solver.N.quant_phase.optimizer.multipliers.NODE.lr=0",
    "--augment": "write --tta flip 0.75 1.25, which `mtzoo eval` has",
    "--amp": "write --cfg-options env.amp=auto, bf16 or off",
    "--half": "leave it out; `mtzoo ptq` makes an int8 network",
    "--int8": "leave it out; `mtzoo ptq` makes an int8 network of a float checkpoint",
    "--format": "leave it out, a deploy model is an ONNX file",
    "--save-txt": "write --save-labels yolo",
    "--project": "write --out DIR",
    "--name": "write --out DIR",
}
"""Options that not every verb here has, by any name -> what to do instead."""
PAIRS = {
    "SOLVER.LR": "write --learning-rate",
    "SOLVER.NUM_EPOCHS": "write --iters, in iterations; for `mtzoo train` --cfg-options solver.0.float_phase.epochs=N",
    "BATCH_SIZE": "write --batch-size; `mtzoo eval` needs none",
    "TRAIN.PRETRAINED_MODEL_DIR": "write --checkpoint CKPT",
    "TRAIN.MODEL_SAVE_DIR": "write --out",
    "TRAIN.SYNC_BATCH_NORM": "write --cfg-options env.sync_bn=False",
    "TRAIN.SNAPSHOT_EPOCH": "write --cfg-options env.checkpoint_interval=N, in iterations",
    "TEST.TEST_MODEL": "write --checkpoint",
    "MODEL.DEEPLAB.ENCODER_WITH_ASPP": "take a config whose nodes have that form",
    "MODEL.DEEPLAB.ENABLE_DECODER": "take a config whose nodes have that form",
    "SLIM.PREPROCESS": "leave it out, pre-processing is part of every deploy model",
}
"""Keys that train_quant.py, eval_quant.py and export_model.py take as KEY VALUE -> what to do instead."""


def check_other_names(left: Sequence[str]) -> None:
    """Raises UserError that says what to write instead, for the first of the arguments that nobody knows but other toolkits."""
    for arg in left:
        option = arg.partition("=")[0].replace("_", "-")
        if option in RENAMED:
            raise UserError(f"{cut(arg)}: no such option of this verb; {RENAMED[option]}")
        if arg in PAIRS:
            raise UserError(f"{arg}: KEY VALUE pairs are not read; {PAIRS[arg]} (docs/from_paddle.md)")


class Idle(argparse.Action):
    """An option that is taken and told to change nothing."""

    def __init__(self, option_strings: Sequence[str], dest: str, *, why: str, nargs: int | str = 0) -> None:
        super().__init__(option_strings, argparse.SUPPRESS, nargs=nargs, metavar="VALUE", help=f"changes nothing: {why}")
        self.why = why

    def __call__(self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: object,
                 option_string: str | None = None) -> None:
        if os.environ.get("RANK", "0") == "0":  # as torchrun numbers its processes
            from mtzoo.console import note  # here, because every command waits for what this file imports

            note(f"{option_string}: changes nothing; {self.why}")


class ConfigKeys(argparse.Action):
    """An option that stands for keys of the config: its value goes into `args.config_keys`."""

    def __init__(self, option_strings: Sequence[str], dest: str, *, keys: Sequence[str], none: Sequence[str] = (),
                 type: Callable[[str], Any], help: str, metavar: str = "N") -> None:
        super().__init__(option_strings, argparse.SUPPRESS, type=type, metavar=metavar, help=help)
        self.keys, self.none = keys, none

    def __call__(self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: object,
                 option_string: str | None = None) -> None:
        given: Mapping[str, Any] = {**dict.fromkeys(self.keys, values), **dict.fromkeys(self.none)}
        namespace.config_keys = {**namespace.config_keys, **given}


class FrozenNodes(argparse.Action):
    """Names of nodes, or patterns of names, whose learning rate in `phase` becomes 0."""

    def __init__(self, option_strings: Sequence[str], dest: str, *, phase: str, help: str) -> None:
        super().__init__(option_strings, argparse.SUPPRESS, nargs="+", metavar="NODE", help=help)
        self.phase = phase

    def __call__(self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: Any,
                 option_string: str | None = None) -> None:
        frozen = {f"{self.phase}.optimizer.multipliers.{node}.lr": 0.0 for node in values}
        namespace.config_keys = {**namespace.config_keys, **frozen}


def add_idle_options(parser: argparse.ArgumentParser, with_values: Mapping[str, tuple[str, int | str]] = MappingProxyType({})) -> None:
    """Those of IDLE, and options with values, see CARRIED."""
    group = parser.add_argument_group("options of PaddleSeg's scripts that change nothing here")
    for option, why in IDLE.items():
        group.add_argument(option, action=Idle, why=why)
    for option, (why, nargs) in with_values.items():
        group.add_argument(option, action=Idle, why=why, nargs=nargs)


def add_run_options(parser: argparse.ArgumentParser) -> None:
    """What train.py says of a run on the command line, and the config here."""
    group = parser.add_argument_group("keys of the config by the names of PaddleSeg's train.py")
    for option, key in (("--save-interval", "checkpoint_interval"), ("--log-iters", "log_interval"),
                        ("--keep-checkpoint-max", "keep_checkpoints")):
        group.add_argument(option, action=ConfigKeys, keys=[f"env.{key}"], type=at_least(1, option), help=f"env.{key}")
    group.add_argument("--workers", action=ConfigKeys, keys=["env.workers"], type=processes("--workers", 0),
                       help="env.workers")
    group.add_argument("--seed", action=ConfigKeys, keys=["env.seed"], type=at_least(0, "--seed"), help="env.seed")


def add_float_phase_options(parser: argparse.ArgumentParser) -> None:
    """What others say of their one phase, which is step 0's float phase here."""
    phase = "solver.0.float_phase"
    group = parser.add_argument_group("keys of the float phase by the names of other toolkits")
    length = group.add_mutually_exclusive_group()
    length.add_argument("--epochs", action=ConfigKeys, keys=[f"{phase}.epochs"], none=[f"{phase}.iterations"],
                        type=at_least(1, "--epochs"), help=f"{phase}.epochs")
    length.add_argument("--iters", action=ConfigKeys, keys=[f"{phase}.iterations"], none=[f"{phase}.epochs"],
                        type=at_least(1, "--iters"), help=f"{phase}.iterations")
    group.add_argument("--batch-size", action=ConfigKeys, keys=[f"{phase}.batch_size"], type=at_least(1, "--batch-size"),
                       help=f"{phase}.batch_size")
    group.add_argument("--learning-rate", action=ConfigKeys, keys=[f"{phase}.optimizer.lr"], type=float,
                       metavar="LR", help=f"{phase}.optimizer.lr")
    group.add_argument("--freeze", action=FrozenNodes, phase=phase,
                       help=f"nodes that stay as they are, e.g. backbone: lr=0 in {phase}.optimizer.multipliers")
