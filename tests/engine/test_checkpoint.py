import os
import pickle
import resource
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from mtzoo.engine.checkpoint import (
    Checkpoint,
    Progress,
    load_checkpoint,
    load_matching,
    load_network_state,
    save_checkpoint,
)
from mtzoo.errors import UserError
from mtzoo.models import build_network
from mtzoo.quantization import QConfig, QConfigMap, fold_bn, prepare
from tests.tiny import BACKBONE, NECK, NodeSpec, segmentation_head, tiny_graphs


def example(value: float = 1.0, size: int = 100) -> Checkpoint:
    optimizer = torch.optim.AdamW([nn.Parameter(torch.ones(size))])
    return Checkpoint({"name": "tests/tiny", "solver": [1, 2.5, None, True]}, Progress(1, True, 7, False),
                      {"a.weight": torch.full((size,), value)},
                      {"phase": {"optimizer": optimizer.state_dict()}, "rng": torch.get_rng_state()},
                      [{"name": "with-bn", "metrics": {}, "curve": [(10, {"loss": 1.0})]}])


@pytest.fixture
def file_limit():
    """No file may grow beyond so many bytes: what a full disk does, without one."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_what_is_saved_comes_back(tmp_path):
    saved = example()
    save_checkpoint(tmp_path / "a.pt", saved)
    loaded = load_checkpoint(tmp_path / "a.pt")
    assert loaded.config == saved.config
    assert loaded.progress == saved.progress
    assert torch.equal(loaded.network["a.weight"], saved.network["a.weight"])
    assert torch.equal(loaded.training["rng"], saved.training["rng"])
    assert loaded.history[0]["curve"] == [(10, {"loss": 1.0})]
    assert [p.name for p in tmp_path.iterdir()] == ["a.pt"]


def test_a_full_disk_leaves_the_previous_checkpoint_whole(tmp_path, file_limit):
    path = tmp_path / "a.pt"
    save_checkpoint(path, example(1.0))
    before = path.read_bytes()
    file_limit(len(before) // 2)
    with pytest.raises(UserError, match=r"a\.pt: cannot be written .*--resume") as caught:
        save_checkpoint(path, example(2.0))
    assert "\n" not in str(caught.value)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["a.pt"]
    assert load_checkpoint(path).network["a.weight"][0] == 1.0


def test_an_interrupt_while_writing_leaves_the_previous_checkpoint_whole(tmp_path, monkeypatch):
    path = tmp_path / "a.pt"
    save_checkpoint(path, example(1.0))

    def interrupted(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        save_checkpoint(path, example(2.0))
    assert load_checkpoint(path).network["a.weight"][0] == 1.0


@settings(max_examples=30, deadline=None)
@given(st.floats(0, 0.999))
def test_a_truncated_checkpoint_is_one_line(tmp_path_factory, share):
    folder = tmp_path_factory.mktemp("cut")
    save_checkpoint(folder / "whole.pt", example(size=10))
    whole = (folder / "whole.pt").read_bytes()
    cut = folder / "cut.pt"
    cut.write_bytes(whole[:int(share * len(whole))])
    with pytest.raises(UserError, match=r"cut\.pt: truncated") as caught:
        load_checkpoint(cut)
    assert "\n" not in str(caught.value)


@settings(max_examples=60, deadline=None)
@given(st.binary(min_size=1, max_size=200))
def test_any_other_file_is_one_line(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("other") / "x.pt"
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"x\.pt: ") as caught:
        load_checkpoint(path)
    assert "\n" not in str(caught.value)


class Payload:
    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self):
        return os.mkdir, (str(self.marker),)


@pytest.mark.parametrize("write", [torch.save, lambda value, path: path.write_bytes(pickle.dumps(value, protocol=2))])
def test_nothing_in_a_checkpoint_is_executed(tmp_path, write):
    path = tmp_path / "evil.pt"
    write({"format": "mtzoo-checkpoint-1", "config": Payload(tmp_path / "executed")}, path)
    with pytest.raises(UserError, match=r"evil\.pt: .*(more than tensors and plain values|no zip archive)"):
        load_checkpoint(path)
    assert not (tmp_path / "executed").exists()


def test_a_folder_is_told_with_its_newest_checkpoint(tmp_path):
    with pytest.raises(UserError) as caught:
        load_checkpoint(tmp_path)
    assert str(caught.value) == f"{tmp_path}: is a folder; name a checkpoint in it"
    for seconds, name in enumerate(("b.pt", "c.pt", "a.pt", "report.html")):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (seconds, seconds))
    with pytest.raises(UserError) as caught:
        load_checkpoint(tmp_path)
    assert str(caught.value) == f"{tmp_path}: is a folder; name a checkpoint in it, e.g. the newest: {tmp_path / 'a.pt'}"


def test_missing_and_foreign_files_are_told(tmp_path):
    with pytest.raises(UserError, match=r"gone\.pt: no such checkpoint"):
        load_checkpoint(tmp_path / "gone.pt")
    torch.save({"state_dict": {}}, tmp_path / "other.pt")
    with pytest.raises(UserError, match=r"other\.pt: not a checkpoint of mtzoo"):
        load_checkpoint(tmp_path / "other.pt")
    torch.save({"format": "mtzoo-checkpoint-1", "config": {}}, tmp_path / "part.pt")
    with pytest.raises(UserError, match=r"part\.pt: a checkpoint without 'progress'"):
        load_checkpoint(tmp_path / "part.pt")


def test_progress_orders_the_stages_of_a_run():
    stages = [Progress(0, False, 0, False), Progress(0, False, 9, False), Progress(0, False, 9, True), Progress(0, True, 0, False),
              Progress(0, True, 2, False), Progress(1, True, 0, False), Progress(2, True, 1, False)]
    assert sorted(stages, key=lambda p: p.order) == stages


# --- checkpoints of another network

PATH = Path("old.pt")


@pytest.fixture(scope="module")
def seg():
    return build_network({"seg": tiny_graphs()["seg"]})


def test_the_same_network_loads_whole(seg):
    other = build_network({"seg": tiny_graphs()["seg"]})
    load_network_state(other, seg.state_dict(), PATH)
    assert all(torch.equal(value, other.state_dict()[name]) for name, value in seg.state_dict().items())


@pytest.mark.parametrize("config", [QConfig(skip_sum="accumulator"), QConfig(head_output="accumulator")], ids=["skips", "heads"])
def test_a_network_that_an_earlier_version_rounded(config):
    earlier, net = build_network(tiny_graphs()), build_network(tiny_graphs())
    prepare(earlier, QConfigMap(config))
    prepare(net)
    with pytest.raises(UserError, match=r"it lacks '.*'; if an earlier version wrote it, add --cfg-options .*skip_sum=accumulator"):
        load_network_state(net, earlier.state_dict(), PATH)


def test_another_network_is_told_by_its_first_difference(seg):
    wide = build_network({"seg": (NodeSpec("backbone", "VarGNetV2", params={"width": 0.5, "group_base": 8}), NECK,
                                  segmentation_head())})
    with pytest.raises(UserError, match=r"old\.pt: checkpoint of another network: 'nodes\.backbone\.stem.*\(16,.*\(8,"):
        load_network_state(seg, wide.state_dict(), PATH)
    with pytest.raises(UserError, match=r"old\.pt: checkpoint of another network: .*\(16,.*\(8,"):
        load_matching(seg, wide.state_dict(), PATH)
    pair = build_network(tiny_graphs())
    with pytest.raises(UserError, match=r"it lacks 'nodes\.det_head"):
        load_network_state(pair, seg.state_dict(), PATH)
    with pytest.raises(UserError, match=r"the config has no 'nodes\.det_head"):
        load_network_state(seg, pair.state_dict(), PATH)
    with pytest.raises(UserError, match="none of its weights fits"):
        load_matching(seg, {"foreign.conv.weight": torch.zeros(1)}, PATH)


def test_a_start_from_other_tasks_and_classes_takes_what_fits(seg):
    pair = build_network({"seg": (BACKBONE, NECK, segmentation_head(num_classes=5)), "det": tiny_graphs()["det"]})
    loaded, left = load_matching(pair, seg.state_dict(), PATH)
    after = pair.state_dict()
    assert all(torch.equal(after[name], seg.state_dict()[name]) for name in loaded)
    assert {name.split(".")[1] for name in left} == {"det_head", "seg_head"}
    assert {name for name in left if "seg_head" in name} == {"nodes.seg_head.classify.conv.weight", "nodes.seg_head.classify.conv.bias"}


def test_a_folded_checkpoint_is_no_float_start(seg):
    """Its weights would load by name, and BN would be applied a second time."""
    folded = build_network({"seg": tiny_graphs()["seg"]})
    fold_bn(folded, ["nodes.backbone.*"])
    with pytest.raises(UserError, match=r"old\.pt: the BN of 'nodes\.backbone\..*' is folded there; start from a float checkpoint"):
        load_matching(seg, folded.state_dict(), PATH)
