"""Hostile checkpoints through the verbs that open one: none runs code, ends in a traceback, hangs or takes the machine's memory."""

import copy
import os
import pickle
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.robustness.base import Base
from tests.robustness.corpus import Code, cases, many_from_few
from tests.robustness.harness import Harness, assert_held

Values = dict[str, Any]
WEIGHT = "nodes.backbone.stem.conv.weight"


def put(*path: str, value: Any) -> Callable[[Values], Values]:
    """The values with one of them, at the place of these keys, replaced."""

    def change(values: Values) -> Values:
        changed = copy.deepcopy(values)
        holder = changed
        for key in path[:-1]:
            holder = holder[key]
        holder[path[-1]] = value(holder[path[-1]]) if callable(value) else value
        return changed

    return change


def drop(*path: str) -> Callable[[Values], Values]:
    def change(values: Values) -> Values:
        changed = copy.deepcopy(values)
        holder = changed
        for key in path[:-1]:
            holder = holder[key]
        del holder[path[-1]]
        return changed

    return change


def cyclic(values: Values) -> Values:
    config = dict(values["config"])
    config["env"] = config
    return {**values, "config": config}


def all_weights(change: Callable[[torch.Tensor], Any]) -> Callable[[Values], Values]:
    return put("network", value=lambda network: {name: change(tensor) for name, tensor in network.items()})


def tensor(change: Callable[[torch.Tensor], Any]) -> Callable[[Values], Values]:
    return put("network", WEIGHT, value=change)


def nan_inside(weight: torch.Tensor) -> torch.Tensor:
    weight = weight.clone(memory_format=torch.contiguous_format)
    weight.view(-1)[3] = float("nan")
    return weight


VALUES = {
    "no-format": drop("format"),
    "other-format": put("format", value="mtzoo-checkpoint-2"),
    "format-list": put("format", value=[1]),
    "format-long": put("format", value="\x1b[31m" * 5000),
    "list": lambda values: [values],
    "tensor": lambda values: torch.zeros(3),
    "none": lambda values: None,
    "no-network": drop("network"),
    "no-config": drop("config"),
    "no-progress": drop("progress"),
    "step-text": put("progress", "step", value="x"),
    "step-list": put("progress", "step", value=[1]),
    "step-half": put("progress", "step", value=0.5),
    "step-negative": put("progress", "step", value=-1),
    "step-4": put("progress", "step", value=4),
    "step-huge": put("progress", "step", value=10**9),
    "step-nan": put("progress", "step", value=float("nan")),
    "step-true": put("progress", "step", value=True),
    "quantized-text": put("progress", "quantized", value="no"),
    "done-none": put("progress", "done", value=None),
    "iteration-none": put("progress", "iteration", value=None),
    "iteration-negative": put("progress", "iteration", value=-5),
    "iteration-huge": put("progress", "iteration", value=10**400),
    "iteration-text": put("progress", "iteration", value="9" * 5000),
    "progress-list": put("progress", value=[1]),
    "progress-empty": put("progress", value={}),
    "progress-more": put("progress", value=lambda held: {**held, "\x1b[2J": 1}),
    "network-none": put("network", value=None),
    "network-list": put("network", value=[1]),
    "network-empty": put("network", value={}),
    "network-number-keys": put("network", value={1: torch.zeros(1)}),
    "network-texts": all_weights(lambda _: "x"),
    "network-nested": all_weights(lambda weight: {"a": weight}),
    "weight-text": tensor(lambda _: "x"),
    "weight-none": tensor(lambda _: None),
    "weight-list": tensor(lambda weight: weight.tolist()),
    "sparse": all_weights(lambda weight: weight.float().to_sparse()),
    "meta": tensor(lambda weight: weight.to("meta")),
    "complex": tensor(lambda weight: weight.to(torch.complex64)),
    "int8": all_weights(lambda weight: weight.to(torch.int8)),
    "bool": tensor(lambda weight: weight > 0),
    "nan": tensor(nan_inside),
    "infinite": tensor(lambda weight: weight + float("inf")),
    "huge-values": all_weights(lambda w: w.float() * 1e38),
    "shape": tensor(lambda weight: weight[:1]),
    "expanded": tensor(lambda weight: torch.zeros(1).expand(10**9)),
    "empty-tensor": tensor(lambda weight: torch.empty(0)),
    "quantized-tensor": tensor(lambda weight: torch.quantize_per_tensor(weight, 0.1, 0, torch.qint8)),
    "extra-name": put("network", value=lambda held: {**held, "[/b]\x1b[31m\n": torch.zeros(1)}),
    "long-name": put("network", value=lambda held: {**held, "n" * 100_000: torch.zeros(1)}),
    "config-none": put("config", value=None),
    "config-list": put("config", value=[1]),
    "config-empty": put("config", value={}),
    "config-filename": put("config", value=lambda c: {**c, "filename": "x"}),
    "config-text": put("config", value=lambda c: {**c, "text": "x"}),
    "config-env-variables": put("config", value=lambda c: {**c, "env_variables": {}}),
    "config-number-key": put("config", value=lambda c: {**c, 1: 2}),
    "config-base": put("config", value=lambda c: {**c, "_base_": "/etc/passwd"}),
    "config-delete": put("config", "env", value=lambda e: {**e, "_delete_": True}),
    "config-cyclic": cyclic,
    "config-laughs": put("config", "env", value=many_from_few(60)),
    "config-tensor": put("config", "env", "seed", value=torch.zeros(2)),
    "config-tasks": put("config", "tasks", value={}),
    "config-name": put("config", "name", value="[/b]\x1b[31m/../../x"),
    "config-name-list": put("config", "name", value=[1]),
    "config-huge-image": put(
        "config", "deploy_geometry", value={"resized_hw": [32768] * 2, "drop_top": 0, "input_hw": [32768] * 2}
    ),
    "config-wide": put("config", "nodes", "backbone", "width", value=1e6),
    "config-nodes": put("config", "nodes", value="x"),
}
"""Of a float checkpoint: a name -> what is changed."""

INTEGERS = {
    "floats": all_weights(lambda held: held.float()),
    "exponents-127": put(
        "network",
        value=lambda network: {
            name: torch.full_like(held, 127) if name.endswith("exponent") else held for name, held in network.items()
        },
    ),
    "exponents-minus-128": put(
        "network",
        value=lambda network: {
            name: torch.full_like(held, -128) if name.endswith("exponent") else held for name, held in network.items()
        },
    ),
    "biases-huge": put(
        "network",
        value=lambda network: {
            name: torch.full_like(held, 2**31 - 1) if name.endswith(".bias") else held for name, held in network.items()
        },
    ),
    "no-exponents": put("network", value=lambda network: {n: held for n, held in network.items() if not n.endswith("exponent")}),
    "one-exponent": put(
        "network",
        value=lambda network: {
            name: held.reshape(-1)[:1] if name.endswith("weight_exponent") else held for name, held in network.items()
        },
    ),
    "wide-weights": all_weights(lambda held: held.to(torch.int32) + 1000),
}
"""Of an integer checkpoint."""

RUN = {
    "training-list": put("training", value=[1]),
    "training-none": put("training", value=None),
    "training-empty": put("training", value={}),
    "criterion-number": put("training", "criterion", value=1),
    "criterion-texts": put("training", "criterion", value={"x": "y"}),
    "phase-text": put("training", "phase", value="x"),
    "phase-iteration": put("training", "phase", value={"iteration": "x"}),
    "phase-more": put("training", "phase", value=lambda phase: {**phase, "x": 1}),
    "phase-negative": put("training", "phase", "iteration", value=-3),
    "phase-huge": put("training", "phase", "iteration", value=10**12),
    "optimizer-number": put("training", "phase", "optimizer", value=3),
    "optimizer-empty": put("training", "phase", "optimizer", value={}),
    "optimizer-groups": put("training", "phase", "optimizer", "param_groups", value=[{}]),
    "optimizer-state": put("training", "phase", "optimizer", "state", value={0: {"exp_avg": "x"}}),
    "rng-short": put("training", "rng", value=torch.zeros(3, dtype=torch.uint8)),
    "rng-text": put("training", "rng", value="x"),
    "rng-float": put("training", "rng", value=torch.zeros(5056)),
    "bad-images-text": put("training", "bad_images", value="x"),
    "bad-images-list": put("training", "bad_images", value=[1, None]),
    "history-number": put("history", value=1),
    "history-other": put("history", value=[{"x": 1}]),
    "history-text": put("history", value="xyz"),
    "history-none": put("history", value=[None]),
    "step-text": put("progress", "step", value="x"),
    "step-2": put("progress", "step", value=2),
    "iteration-none": put("progress", "iteration", value=None),
    "iteration-negative": put("progress", "iteration", value=-1),
    "network-none": put("network", value=None),
    "sparse": all_weights(lambda weight: weight.float().to_sparse()),
    "nan": tensor(nan_inside),
}
"""Of a checkpoint inside of a phase, that --resume opens."""


def bomb(path: Path, base: Base, record: str) -> None:
    """The records of a good checkpoint, deflated, one of them 2 GiB of zeros."""
    with zipfile.ZipFile(base.float_checkpoint) as good, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as file:
        for name in good.namelist():
            if not name.endswith(record):
                file.writestr(name, good.read(name))
                continue
            with file.open(name, "w", force_zip64=True) as target:
                for _ in range(2048):
                    target.write(bytes(1 << 20))


def zipped(
    path: Path, base: Base, change: Callable[[list[tuple[str, bytes]]], list[tuple[str, bytes]]], form: int = zipfile.ZIP_STORED
) -> None:
    with zipfile.ZipFile(base.float_checkpoint) as good:
        records = [(name, good.read(name)) for name in good.namelist()]
    with zipfile.ZipFile(path, "w", form) as file:
        for name, data in change(records):
            file.writestr(name, data)


def with_pickle(data: bytes) -> Callable[[list[tuple[str, bytes]]], list[tuple[str, bytes]]]:
    return lambda records: [(name, data if name.endswith("data.pkl") else held) for name, held in records]


def text(value: str) -> bytes:
    return b"X" + len(value).to_bytes(4, "little") + value.encode()


def deep_config(depth: int) -> bytes:
    """A checkpoint's pickle with a config of nested dicts, deeper than Python's own pickler can write."""
    nested = (b"}" + text("a")) * depth + b"}" + b"s" * depth
    progress = b"}" + b"".join(text(key) + b"K\0s" for key in ("step", "quantized", "iteration", "done"))
    entries = {
        "format": text("mtzoo-checkpoint-1"),
        "config": nested,
        "progress": progress,
        "network": b"}",
        "training": b"}",
        "history": b"]",
    }
    return b"\x80\x02}" + b"".join(text(key) + value + b"s" for key, value in entries.items()) + b"."


def legacy(path: Path, values: Any) -> None:
    torch.save(values, path, _use_new_zipfile_serialization=False)


def sparse_file(path: Path, size: int) -> None:
    with open(path, "wb") as file:
        file.truncate(size)


FILES: dict[str, Callable[[Path, Base], None]] = {
    "empty": lambda path, base: path.write_bytes(b""),
    "text": lambda path, base: path.write_text("hello\n" * 100),
    "cut": lambda path, base: path.write_bytes(base.float_checkpoint.read_bytes()[:-1000]),
    "cut-in-half": lambda path, base: path.write_bytes(base.float_checkpoint.read_bytes()[:200_000]),
    "tail-only": lambda path, base: path.write_bytes(base.float_checkpoint.read_bytes()[500_000:]),
    "folder": lambda path, base: path.mkdir(),
    "fifo": lambda path, base: os.mkfifo(path),
    "device": lambda path, base: path.symlink_to("/dev/zero"),
    "loop": lambda path, base: path.symlink_to(path),
    "dangling": lambda path, base: path.symlink_to("nowhere"),
    "sparse-6g": lambda path, base: sparse_file(path, 6 << 30),
    "bomb-pickle": lambda path, base: bomb(path, base, "data.pkl"),
    "bomb-storage": lambda path, base: bomb(path, base, "data/0"),
    "deflated": lambda path, base: zipped(path, base, lambda records: records, zipfile.ZIP_DEFLATED),
    "lzma": lambda path, base: zipped(path, base, lambda records: records, zipfile.ZIP_LZMA),
    "no-pickle": lambda path, base: zipped(path, base, lambda records: records[1:]),
    "no-records": lambda path, base: zipped(path, base, lambda records: []),
    "outside": lambda path, base: zipped(path, base, lambda records: [*records, ("../../owned", b"x"), ("/owned", b"x")]),
    "climbing": lambda path, base: zipped(path, base, lambda records: [(f"../{name}", data) for name, data in records]),
    "short-storage": lambda path, base: zipped(
        path, base, lambda records: [(name, b"" if "/data/" in name else data) for name, data in records]
    ),
    "code-in-zip": lambda path, base: zipped(path, base, with_pickle(pickle.dumps(Code(), 2))),
    "eval-in-zip": lambda path, base: zipped(
        path, base, with_pickle(b"c__builtin__\neval\n(V__import__('os').system('touch owned')\ntR.")
    ),
    "load-in-zip": lambda path, base: zipped(path, base, with_pickle(b"ctorch\nload\n(V/etc/passwd\ntR.")),
    "huge-tensor": lambda path, base: zipped(path, base, with_pickle(b"\x80\x02ctorch\nzeros\n(J\xff\xff\xff\x7ftR.")),
    "huge-bytes": lambda path, base: zipped(path, base, with_pickle(b"\x80\x02cbuiltins\nbytearray\n(J\xff\xff\xff\x7ftR.")),
    "long-number": lambda path, base: zipped(path, base, with_pickle(b"\x80\x02\x8b\xff\xff\xff\x7f.")),
    "config-deep": lambda path, base: zipped(path, base, with_pickle(deep_config(20_000))),
    "config-deep-million": lambda path, base: zipped(path, base, with_pickle(deep_config(1_000_000))),
    "no-end": lambda path, base: zipped(path, base, with_pickle(b"\x80\x02" + b"(" * 100_000)),
    "pickle-2": lambda path, base: path.write_bytes(pickle.dumps(Code(), 2)),
    "pickle-4": lambda path, base: path.write_bytes(pickle.dumps(Code(), 4)),
    "pickle-0": lambda path, base: path.write_bytes(pickle.dumps(Code(), 0)),
    "legacy-code": lambda path, base: legacy(path, {"format": "mtzoo-checkpoint-1", "network": Code()}),
    "code-inside": lambda path, base: torch.save({"format": "mtzoo-checkpoint-1", "config": Code()}, path),
    "whole-module": lambda path, base: torch.save(torch.nn.Conv2d(1, 1, 1), path),
    "onnx": lambda path, base: shutil.copy(base.model, path),
    "png": lambda path, base: shutil.copy(base.image, path),
}
"""A name -> who writes the file."""

QUICK_VALUES = ("no-format", "step-text", "network-none", "nan", "config-filename", "config-laughs", "sparse")
QUICK_FILES = ("cut", "config-deep", "fifo", "deflated", "outside", "code-in-zip", "pickle-4")


MEANINGFUL = ("config-name", "biases-huge")
"""Odd, but a checkpoint may say so: it is enough that nothing breaks."""


def refuse_export(name: str, harness: Harness, path: Path, folder: Path) -> None:
    outcome = harness.verb(["export", path, "--out", folder / "out" / "x.onnx"], folder)
    assert_held(outcome, (0, 2) if name in MEANINGFUL else (2,))
    assert outcome.status == 0 or not any((folder / "out").iterdir())


@pytest.mark.parametrize(("name", "change"), cases(VALUES, QUICK_VALUES))
def test_wrong_values(name, change, harness, base, tmp_path):
    torch.save(change(torch.load(base.float_checkpoint, weights_only=True)), tmp_path / "x.pt")
    refuse_export(name, harness, tmp_path / "x.pt", tmp_path)


@pytest.mark.parametrize(("name", "change"), cases(INTEGERS, ["exponents-127"]))
def test_wrong_integers(name, change, harness, base, tmp_path):
    torch.save(change(torch.load(base.integer_checkpoint, weights_only=True)), tmp_path / "x.pt")
    refuse_export(name, harness, tmp_path / "x.pt", tmp_path)


@pytest.mark.parametrize(("name", "write"), cases(FILES, QUICK_FILES))
def test_what_is_no_checkpoint(name, write, harness, base, tmp_path):
    write(tmp_path / "x.pt", base)
    refuse_export(name, harness, tmp_path / "x.pt", tmp_path)


@pytest.mark.parametrize(
    ("name", "change"),
    cases({k: v for k, v in VALUES.items() if k.startswith(("network", "config", "weight", "sparse"))}, ["network-texts"]),
)
def test_a_start_from_wrong_values(name, change, harness, base, tmp_path):
    """Of the config only what the new run takes over counts, so some of these are good enough."""
    torch.save(change(torch.load(base.float_checkpoint, weights_only=True)), tmp_path / "x.pt")
    outcome = harness.verb(
        ["train", "--config", base.config, "--out", tmp_path / "out" / "w", "--checkpoint", tmp_path / "x.pt"], tmp_path
    )
    assert_held(outcome, (0, 2) if name.startswith("config") else (2,))


@pytest.mark.parametrize(("name", "change"), cases(RUN, ["optimizer-number", "history-other"]))
def test_a_run_with_wrong_values(name, change, harness, base, tmp_path):
    """The only checkpoint of a run: it cannot go on."""
    work_dir = tmp_path / "out" / "w"
    work_dir.mkdir(parents=True)
    shutil.copy(base.run / "config.json", work_dir)
    values = torch.load(base.run / "with-bn-0002.pt", weights_only=True)
    torch.save(change(values), work_dir / "with-bn-0002.pt")
    outcome = harness.verb(["train", "--config", base.config, "--out", work_dir, "--resume"], tmp_path)
    assert_held(outcome)


@pytest.mark.parametrize("verb", ["export", pytest.param("eval", marks=pytest.mark.fuzz)])
def test_a_config_that_would_render_elsewhere(verb, harness, base, tmp_path):
    """The scenes that a foreign checkpoint names are neither rendered nor written."""
    scenes = {"type": "SyntheticScenes", "num": 10**9, "root": str(tmp_path / "anywhere")}
    change = put("config", "sources", value={"boxes": scenes, "masks": scenes})
    torch.save(change(torch.load(base.float_checkpoint, weights_only=True)), tmp_path / "x.pt")
    outcome = harness.verb(
        [verb, tmp_path / "x.pt"] + (["--out", tmp_path / "out" / "x.onnx"] if verb == "export" else []), tmp_path
    )
    assert_held(outcome, (0, 2) if verb == "export" else (2,))
    assert not (tmp_path / "anywhere").exists()
