"""Configs and command lines with values that nobody can mean: refused in one line, before they take the machine."""

import copy
from collections.abc import Callable
from typing import Any

import pytest

from tests.robustness.corpus import cases, many_from_few
from tests.robustness.harness import assert_held
from tests.tiny import write_config

Values = dict[str, Any]


def put(*path: Any, value: Any) -> Callable[[Values], Values]:
    """The config with one value set; tables on the way are made."""

    def change(values: Values) -> Values:
        holder = changed = copy.deepcopy(values)
        for key in path[:-1]:
            holder = holder[key] if isinstance(holder, list) else holder.setdefault(key, {})
        holder[path[-1]] = value
        return changed

    return change


def env(**values: Any) -> Callable[[Values], Values]:
    return lambda held: {**held, "env": {**held["env"], **values}}


def scenes(**values: Any) -> Callable[[Values], Values]:
    spec = {"type": "SyntheticScenes", "num": 2, "root": "scenes", **values}
    return lambda held: {**held, "sources": {"boxes": spec, "masks": spec}}


def phase(**values: Any) -> Callable[[Values], Values]:
    return lambda held: {
        **held,
        "solver": [{**held["solver"][0], "float_phase": {**held["solver"][0]["float_phase"], **values}}, *held["solver"][1:]],
    }


def epochs(value: Any) -> Callable[[Values], Values]:
    def change(held: Values) -> Values:
        changed = copy.deepcopy(held)
        del changed["solver"][0]["float_phase"]["iterations"]
        changed["solver"][0]["float_phase"]["epochs"] = value
        return changed

    return change


REFUSED: dict[str, Callable[[Values], Values]] = {
    "workers-1e9": env(workers=10**9),
    "workers-negative": env(workers=-1),
    "workers-half": env(workers=0.5),
    "threads-1e9": env(threads=10**9),
    "threads-negative": env(threads=-1),
    "seed-2^32": env(seed=2**32),
    "seed-negative": env(seed=-1),
    "seed-2^70": env(seed=2**70),
    "cache-1e9": env(cache_mb=10**9),
    "cache-negative": env(cache_mb=-1),
    "cache-2^70": env(cache_mb=2**70),
    "log-interval-0": env(log_interval=0),
    "checkpoint-interval-0": env(checkpoint_interval=0),
    "keep-0": env(keep_checkpoints=0),
    "calibration-0": env(calibration_batches=0),
    "device": env(default_ctx="\x1b[31m"),
    "device-99": env(default_ctx="99"),
    "amp": env(amp="x"),
    "bad-images-nan": env(max_bad_images=float("nan")),
    "epochs-1e308": epochs(1e308),
    "epochs-nan": epochs(float("nan")),
    "epochs-0": epochs(0),
    "epochs-text": epochs("3"),
    "iterations-half": phase(iterations=2.5),
    "batch-0": phase(batch_size=0),
    "batch-1e9": phase(batch_size=10**9),
    "lr-nan": phase(optimizer={"type": "AdamW", "lr": float("nan")}),
    "lr-infinite": phase(optimizer={"type": "AdamW", "lr": float("inf")}),
    "lr-text": phase(optimizer={"type": "AdamW", "lr": "1e-3"}),
    "optimizer": phase(optimizer={"type": "os.system"}),
    "clip-nan": phase(grad_clip_norm=float("nan")),
    "warmup-negative": phase(schedule={"warmup_iterations": -1}),
    "crop-huge": put("train_geometry", "crop_hw", value=[3_200_000, 3_200_000]),
    "crop-0": put("train_geometry", "crop_hw", value=[0, 0]),
    "crop-odd": put("train_geometry", "crop_hw", value=[63, 95]),
    "scale-tiny": lambda held: {**held, "train_geometry": {"crop_hw": [64, 96], "scale_range": [1e-9, 1e-9]}},
    "scale-huge": lambda held: {**held, "train_geometry": {"crop_hw": [64, 96], "scale_range": [1e9, 1e9]}},
    "scale-nan": lambda held: {**held, "train_geometry": {"crop_hw": [64, 96], "scale_range": [float("nan"), 1.0]}},
    "input-huge": put("deploy_geometry", value={"resized_hw": [32768] * 2, "drop_top": 0, "input_hw": [32768] * 2}),
    "input-1e9": put("deploy_geometry", value={"resized_hw": [10**9] * 2, "drop_top": 0, "input_hw": [10**9] * 2}),
    "drop-negative": put("deploy_geometry", "drop_top", value=-5),
    "group-0": put("nodes", "backbone", "group_base", value=0),
    "group-1e9": put("nodes", "backbone", "group_base", value=10**9),
    "width-1e6": put("nodes", "backbone", "width", value=1e6),
    "width-nan": put("nodes", "backbone", "width", value=float("nan")),
    "width-0": put("nodes", "backbone", "width", value=0),
    "width-negative": put("nodes", "backbone", "width", value=-1),
    "node-type": put("nodes", "backbone", "type", value="os.system"),
    "node-inputs": put("nodes", "backbone", "inputs", value=["neck"]),
    "node-itself": put("nodes", "neck", "inputs", value=["neck"]),
    "node-more": put("nodes", "neck", "x\ny", value=1),
    "scenes-huge": scenes(size=[10**6, 10**6]),
    "scenes-1e9": scenes(num=10**9),
    "scenes-negative": scenes(num=-1),
    "samples-1e9": put("samples_per_epoch", value=10**9),
    "samples-0": put("samples_per_epoch", value=0),
    "classes-empty": put("tasks", "det", "classes", value=[]),
    "classes-number": put("tasks", "det", "classes", value=3),
    "classes-300": put("tasks", "seg", "classes", value=[f"c{k}" for k in range(300)]),
    "task-name": lambda held: {**held, "tasks": {"../x": held["tasks"]["det"]}},
    "task-none": put("tasks", "det", value=None),
    "loss": put("tasks", "det", "loss", value={"type": "x"}),
    "loss-weight": put("tasks", "det", "loss", value={"type": "DetectionLoss", "weight": float("nan")}),
    "root-nul": put("sources", "boxes", "images", value="a\0b"),
    "root-long": put("sources", "boxes", "images", value="x" * 5000),
    "root-ansi": put("sources", "boxes", "images", value="\x1b[31m[/b]"),
    "root-device": put("sources", "boxes", "annotations", value="/dev/zero"),
    "prefix": put("solver", 0, "prefix", value="../x"),
    "prefix-long": put("solver", 0, "prefix", value="x" * 400),
    "patterns": put("fusion_bn_patterns", value={"1": ["*a" * 40 + "b"]}),
    "pattern-step": put("fusion_bn_patterns", value={"7": ["*"]}),
    "bits": put("quantization", value={"weight_bits": 99}),
    "solver-empty": put("solver", value=[]),
    "unknown-key": put("\x1b[31m", value=1),
    "laughs": put("env", value=many_from_few(25)),
    "long-number": env(workers=10**4000),
    "balance": put("loss_balance", value="x"),
    "shape-huge": put("int_inference_export_input_shape", "image", value=[1, 3, 10**6, 10**6]),
    "shape-batch": put("int_inference_export_input_shape", "image", value=[10**6, 3, 64, 96]),
}
"""A name -> what is changed in a good config."""


@pytest.mark.parametrize(("name", "change"), cases(REFUSED, ["workers-1e9", "cache-1e9", "scenes-1e9", "root-nul"]))
def test_values(name, change, harness, base, tmp_path):
    (tmp_path / "cwd").mkdir()
    write_config(tmp_path / "config.py", change(base.values))
    outcome = harness.verb(["train", "--config", tmp_path / "config.py", "--out", tmp_path / "out" / "w"], tmp_path)
    assert_held(outcome)


OPTIONS = {
    "empty": "env.workers=",
    "minus-signs": "env.workers=" + "-" * 20_000,
    "brackets": "env.workers=" + "[" * 20_000,
    "deep-key": ".".join(["env"] * 5000) + "=1",
    "long": "env.workers=" + "x" * 5000,
    "no-value": "env.workers",
    "no-key": "=1",
    "ansi": "\x1b[31m[/b]=1",
    "dots": "...=1",
    "power": "env.workers=9**9**9",
    "index": "solver.99.float_phase.epochs=1",
    "index-negative": "solver.-9.prefix='x'",
    "nul": "sources.boxes.images='a\\0b'",
    "code": "env.workers=__import__('os').getpid()",
    "digits": "env.workers=" + "9" * 5000,
    "bytes": "env.workers=b'x'",
    "set": "env.workers={1, 2}",
    "complex": "env.workers=1j",
}


@pytest.mark.parametrize(("name", "option"), cases(OPTIONS, ["minus-signs", "deep-key", "digits"]))
def test_options(name, option, harness, base, tmp_path):
    argv = ["train", "--config", base.config, "--out", tmp_path / "out" / "w", "--cfg-options", option]
    assert_held(harness.verb(argv, tmp_path))


CODE = {
    "exit": "import sys\nsys.exit(7)",
    "raise": "raise RuntimeError('x\\n' * 1000)",
    "interrupt": "raise BaseException('x')",
    "syntax": "a = (",
    "nul": "a = 1\0",
    "latin": "a = 'é'",
    "recursion": "def f(): f()\nf()",
    "import": "import no_such_module",
    "base-itself": "_base_ = 'config.py'",
    "base-missing": "_base_ = 'nowhere.py'",
    "object": "env = object()",
    "cycle": "env = {}\nenv['a'] = env",
    "deep": "env = {}\nfor _ in range(20000): env = {'a': env}",
    "empty": "",
    "generator": "tasks = (x for x in ())",
    "bytes": "env = b'x'",
}


@pytest.mark.parametrize(("name", "text"), cases(CODE, ["exit", "deep", "cycle"]))
def test_code(name, text, harness, base, tmp_path):
    (tmp_path / "config.py").write_bytes(text.encode("latin-1"))
    assert_held(harness.verb(["train", "--config", tmp_path / "config.py", "--out", tmp_path / "out" / "w"], tmp_path))
