"""Whole runs of the tiny network on the tiny images."""

import io
import shutil

import pytest
import torch

from mtzoo.config import config_from_dict
from mtzoo.console import PlainConsole
from mtzoo.engine import loop, train_stages
from mtzoo.engine.checkpoint import load_checkpoint, save_checkpoint
from mtzoo.engine.integer_step import to_integers
from mtzoo.engine.resume import weights_of
from mtzoo.engine.run import stages, start_run
from mtzoo.engine.train_stages import train
from mtzoo.engine.work_dir import WorkDir
from mtzoo.errors import UserError
from tests.tiny import config_values, phase, tiny_config, write_images


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    return write_images(tmp_path_factory.mktemp("tiny") / "data")


def go(config, work_dir, *, resume=False, float_only=False, pipeline_test=False, load_from=None, on_stage_end=lambda *_: None):
    console = PlainConsole(file=io.StringIO(), width=200)
    run = start_run(config, work_dir, ctx="cpu", resume=resume, pipeline_test=pipeline_test, console=console)
    return train(run, stages(config, float_only), resume=resume, initialize=weights_of(load_from), on_stage_end=on_stage_end)


def float_solver(**changes):
    return [{"prefix": "with-bn", "float_phase": phase(**changes)}, {"prefix": "fusion-bn-c1", "quant_phase": phase()},
            {"prefix": "fusion-bn-c2", "quant_phase": phase()}, {"prefix": "int-inference"}]


class Interrupter:
    """Ctrl-C just before the training iterations of a process that are listed for it."""

    def __init__(self, monkeypatch):
        self.step, self.left = loop.train_step, None
        monkeypatch.setattr(loop, "train_step", self)

    def __call__(self, *args):
        if self.left is not None:
            if self.left == 0:
                raise KeyboardInterrupt
            self.left -= 1
        return self.step(*args)


def interrupted(*args, **kwargs):
    raise KeyboardInterrupt


NUMBERED = ("with-bn-0001", "with-bn-0002", "with-bn-0003", "with-bn-0004", "fusion-bn-c1-0001", "fusion-bn-c1-0002",
            "fusion-bn-c2-0001", "fusion-bn-c2-0002")
LAST = ("with-bn-float-last", "with-bn-last", "fusion-bn-c1-last", "fusion-bn-c2-last")


def test_a_run_takes_the_threads_that_its_config_gives(images, tmp_path, monkeypatch):
    taken = []
    monkeypatch.setattr(torch, "set_num_threads", taken.append)
    for threads in (0, 3):
        env = {**config_values(images)["env"], "threads": threads}
        start_run(tiny_config(images, env=env), tmp_path / str(threads), ctx="cpu", resume=False, pipeline_test=False,
                  console=PlainConsole(file=io.StringIO()))
    assert taken == [3]


@pytest.mark.slow
def test_an_interrupted_run_ends_as_the_uninterrupted_one(images, tmp_path, monkeypatch):
    """Bit for bit, in the float phase, under fake-quant, after each fold and with frozen observers; loss balance too.

    Each phase has 4 iterations, checkpoints after the second and the last, and crosses from one epoch into the next.
    """
    config = tiny_config(images, loss_balance="uncertainty")
    go(config, tmp_path / "whole")
    interrupter = Interrupter(monkeypatch)
    # (iterations done before the interrupt, the file the next process has to start from)
    for done, start in ((3, "with-bn-0001"), (2, "with-bn-init"), (3, "with-bn-0003"), (2, "fusion-bn-c1-init"),
                        (3, "fusion-bn-c1-0001"), (2, "fusion-bn-c2-init"), (3, "fusion-bn-c2-0001")):
        interrupter.left = done
        with pytest.raises(KeyboardInterrupt):
            go(config, tmp_path / "parts", resume=True)
        assert WorkDir(tmp_path / "parts", config, keep=9).latest()[0].stem == start
    interrupter.left = None
    with monkeypatch.context() as patch:
        patch.setattr(train_stages, "evaluate_shown", interrupted)
        with pytest.raises(KeyboardInterrupt):
            go(config, tmp_path / "parts", resume=True)
    assert WorkDir(tmp_path / "parts", config, keep=9).latest()[0].stem == "fusion-bn-c2-0002"  # trained, not yet evaluated
    finished = go(config, tmp_path / "parts", resume=True)
    for name in LAST:
        whole, parts = (load_checkpoint(tmp_path / folder / f"{name}.pt") for folder in ("whole", "parts"))
        assert whole.network.keys() == parts.network.keys()
        different = [key for key, value in whole.network.items() if not torch.equal(value, parts.network[key])]
        assert not different, name
        balance, other = (checkpoint.training["criterion"] for checkpoint in (whole, parts))
        assert all(torch.equal(value, other[key]) for key, value in balance.items())
        for key in ("name", "metrics", "curve"):
            assert [h[key] for h in whole.history] == [h[key] for h in parts.history], key
    assert len(balance) == 2
    assert all(balance.values())
    assert [record.name for record in finished.history] == ["with-bn-float", "with-bn", "fusion-bn-c1", "fusion-bn-c2"]
    to_integers(finished)
    again = go(config, tmp_path / "parts", resume=True)  # as after an interrupt in verify or bench
    assert [record.name for record in again.history] == [record.name for record in finished.history]
    names = {path.stem for path in (tmp_path / "whole").glob("*.pt")}
    assert names == {*LAST, "with-bn-float-init", "with-bn-init", "fusion-bn-c1-init", "fusion-bn-c2-init", *NUMBERED}
    bn = {name: sum(".bn." in key for key in load_checkpoint(tmp_path / "whole" / f"{name}.pt").network) for name in LAST}
    assert bn["with-bn-float-last"] == bn["with-bn-last"] > bn["fusion-bn-c1-last"] > bn["fusion-bn-c2-last"] == 0
    before, after = (load_checkpoint(tmp_path / "whole" / f"{name}.pt").network for name in ("with-bn-last", "fusion-bn-c1-last"))
    assert all(torch.equal(before[name], value) for name, value in after.items() if ".bn.running_" in name)
    assert any(not torch.equal(before[name], value) for name, value in after.items() if ".bn.weight" in name)


def break_image(root, number):
    (root / "images" / f"{number}.png").write_bytes(b"junk")


@pytest.fixture
def damaged(tmp_path):
    """Six training images, the second of them bad; the others, good, for validation."""
    root = write_images(tmp_path / "damaged")
    values = config_values(root, ["seg"], solver=float_solver(iterations=6))
    good = write_images(tmp_path / "good")
    values["sources"]["val"] = {"type": "MaskFolder", "images": str(good / "images"), "masks": str(good / "masks")}
    values["tasks"]["seg"]["val"] = ["val"]
    values["env"]["max_bad_images"] = 0.2
    break_image(root, 1)
    return root, values


@pytest.mark.slow
def test_a_bad_image_is_told_once_skipped_and_counted_and_resume_is_exact(damaged, tmp_path, monkeypatch, capsys):
    _, values = damaged
    config = config_from_dict(values)
    whole = go(config, tmp_path / "whole", float_only=True)
    told = capsys.readouterr().err.splitlines()
    assert len(told) == 1
    assert told[0].startswith(f"skipped: {tmp_path}/damaged/images/1.png: no JPEG, PNG")
    assert whole.bad_images.draws >= 2  # six iterations of two images are two epochs
    interrupter = Interrupter(monkeypatch)
    interrupter.left = 5
    with pytest.raises(KeyboardInterrupt):
        go(config, tmp_path / "parts", float_only=True)
    assert len(capsys.readouterr().err.splitlines()) == 1
    interrupter.left = None
    resumed = go(config, tmp_path / "parts", resume=True, float_only=True)
    assert capsys.readouterr().err == ""  # the checkpoint knows what has been told
    assert all(torch.equal(v, resumed.net.state_dict()[k]) for k, v in whole.net.state_dict().items())
    assert resumed.bad_images.state() == whole.bad_images.state()


def test_too_many_bad_images_stop_in_one_line(damaged, tmp_path):
    root, values = damaged
    break_image(root, 4)
    with pytest.raises(UserError, match=r"images/[14].png: no JPEG.* \(2 of 6 training images are bad so far, and "
                                        r"env.max_bad_images=0.2 is the share that may be; `mtzoo data check` lists all\)$"):
        go(config_from_dict(values), tmp_path / "run", float_only=True)


@pytest.mark.slow
def test_a_finished_run_resumes_into_nothing(images, tmp_path, monkeypatch):
    config = tiny_config(images, ["seg"], solver=float_solver(iterations=1))
    first = go(config, tmp_path / "run", float_only=True)
    told = []
    monkeypatch.setattr(loop, "train_step", lambda *args: pytest.fail("trained again"))
    again = go(config, tmp_path / "run", resume=True, float_only=True, on_stage_end=lambda run, *at: told.append(at))
    assert told == [(0, False)]
    assert all(torch.equal(v, again.net.state_dict()[k]) for k, v in first.net.state_dict().items())


@pytest.mark.slow
def test_a_checkpoint_of_an_older_version_is_told(images, tmp_path):
    config = tiny_config(images, ["seg"], solver=float_solver(iterations=1))
    go(config, tmp_path / "run", float_only=True)
    last = tmp_path / "run" / "with-bn-float-last.pt"
    checkpoint = load_checkpoint(last)
    del checkpoint.training["criterion"]
    save_checkpoint(last, checkpoint)
    with pytest.raises(UserError, match=r"with-bn-float-last\.pt: .*older version wrote it without 'criterion'; start anew"):
        go(config, tmp_path / "run", float_only=True, resume=True)


def test_corrections_of_a_network_that_rounds_already_are_told_and_left_out(images, tmp_path):
    solver = [{"prefix": "with-bn", "quant_phase": phase(1)}, {"prefix": "fusion-bn-c1", "quant_phase": phase(1)},
              {"prefix": "fusion-bn-c2", "quant_phase": phase(1, corrections={"biases": True})}, {"prefix": "int-inference"}]
    config, said = tiny_config(images, ["seg"], solver=solver), io.StringIO()
    run = start_run(config, tmp_path / "run", ctx="cpu", resume=False, console=PlainConsole(file=said, width=200))
    train(run, stages(config, False), resume=False)
    assert "solver.2.quant_phase.corrections are left out: the network has learned to round already\n" in said.getvalue()


def test_what_is_trained_is_the_solvers_table(images):
    def table(float_only):
        return [(step, quantized) for step, quantized, _ in stages(tiny_config(images), float_only)]

    assert table(float_only=False) == [(0, False), (0, True), (1, True), (2, True)]
    assert table(float_only=True) == [(0, False)]


@pytest.mark.slow
def test_a_few_images_are_learnt(images, tmp_path):
    config = tiny_config(images, solver=float_solver(iterations=40, batch_size=3, optimizer={"type": "AdamW", "lr": 4e-3}))
    run = go(config, tmp_path / "run", float_only=True)
    curve = [means["loss"] for _, means in run.history[0].curve]
    assert curve[-1] < 0.6 * curve[0]
    assert run.history[0].metrics["seg/mIoU"] > 50


@pytest.mark.parametrize("task", ["det", "seg"])
def test_a_loss_that_is_no_number_stops_in_one_line(images, tmp_path, task):
    """Where no checkpoint comes first, which would notice it, too."""
    env = {**config_values(images)["env"], "checkpoint_interval": 100}
    config = tiny_config(images, [task], env=env, solver=float_solver(iterations=12, optimizer={"type": "SGD", "lr": 1e6}))
    with pytest.raises(UserError, match=r"with-bn-float, iteration \d: the loss is (nan|inf); lower the learning rate .*\.png"):
        go(config, tmp_path / "run", float_only=True)


def test_a_batch_larger_than_an_epoch_is_told(images, tmp_path):
    config = tiny_config(images, ["seg"], solver=float_solver(batch_size=7))
    with pytest.raises(UserError, match="batch_size=7.*is more than an epoch's 6 samples; lower it"):
        go(config, tmp_path / "run", float_only=True)


@pytest.mark.slow
def test_a_start_from_a_float_checkpoint(images, tmp_path, monkeypatch):
    """--checkpoint: weights of the same names and shapes come over, published ones are not read; a quantized or foreign checkpoint is
    refused."""
    published = []
    monkeypatch.setattr(train_stages, "start_from_published", lambda net: published.append(net) or [])
    go(tiny_config(images, ["seg"], solver=float_solver(iterations=1)), tmp_path / "first", float_only=True)
    assert len(published) == 1
    last = tmp_path / "first" / "with-bn-float-last.pt"
    config = tiny_config(images, solver=float_solver(iterations=1))
    go(config, tmp_path / "second", float_only=True, load_from=last)
    init = load_checkpoint(tmp_path / "second" / "with-bn-float-init.pt").network
    assert all(torch.equal(value, init[name]) for name, value in load_checkpoint(last).network.items())
    assert any("det_head" in name for name in init)
    assert len(published) == 1
    wide = {"backbone": {"type": "VarGNetV2", "width": 0.5}, "neck": {"type": "UnetNeck", "inputs": ["backbone"]}}
    with pytest.raises(UserError, match=r"with-bn-float-last\.pt: checkpoint of another network"):
        go(tiny_config(images, ["seg"], nodes=wide), tmp_path / "third", float_only=True, load_from=last)
    with pytest.raises(UserError, match=r"gone\.pt: no such checkpoint"):
        go(config, tmp_path / "fourth", float_only=True, load_from=tmp_path / "gone.pt")


@pytest.mark.parametrize("blown", [float("nan"), float("inf"), 1e38])
def test_an_update_that_blows_up_is_never_written_and_resume_has_a_finite_place(images, tmp_path, monkeypatch, blown):
    """The loss of the iteration is finite, what it makes of the weights is not: also in the last iteration."""
    step = loop.train_step

    def blow_up(net, *args):
        losses = step(net, *args)
        with torch.no_grad():
            next(net.parameters())[0, 0, 0, 0] = blown
        return losses

    monkeypatch.setattr(loop, "train_step", blow_up)
    config = tiny_config(images, ["seg"], solver=float_solver(iterations=1))
    for resume in (False, True):
        with pytest.raises(UserError, match=r"with-bn-0001\.pt: not written, the training has diverged: .*lower the learning rate"):
            go(config, tmp_path / "run", float_only=True, resume=resume)
        assert sorted(path.name for path in (tmp_path / "run").glob("*.pt")) == ["with-bn-float-init.pt"]
    assert all(torch.isfinite(value).all() for value in load_checkpoint(tmp_path / "run" / "with-bn-float-init.pt").network.values())


@pytest.fixture(scope="module")
def halfway(images, tmp_path_factory):
    """The config and the files of a run that was cut off after half of its iterations."""
    config = tiny_config(images, ["seg"], solver=float_solver(iterations=4))
    path = tmp_path_factory.mktemp("halfway") / "run"
    go(config, path, float_only=True)
    for name in ("with-bn-0002.pt", "with-bn-float-last.pt"):
        (path / name).unlink()
    return config, path


def optimizer_with(change):
    def changed(phase):
        optimizer = phase["optimizer"]
        first = optimizer["state"][0]
        return {**phase, "optimizer": {**optimizer, "state": {**optimizer["state"], 0: change(first)}}}

    return changed


@pytest.mark.parametrize(("key", "change", "message"), [
    ("phase", lambda phase: {"iteration": "x"}, r"0001\.pt: training\.phase of the checkpoint does not fit"),
    ("phase", lambda phase: {**phase, "iteration": 10**9}, "training.phase.iteration=1000000000, but progress.iteration=2"),
    ("phase", lambda phase: {**phase, "optimizer": 1}, "training.phase.optimizer of the checkpoint does not fit"),
    ("phase", lambda phase: {**phase, "optimizer": {"state": {}, "param_groups": []}}, "training.phase.optimizer"),
    ("phase", optimizer_with(lambda state: {"step": 1}), r"training\.phase\.optimizer.*a parameter's state is"),
    ("phase", optimizer_with(lambda state: {**state, "exp_avg": torch.ones(1)}), "exp_avg has not the shape of its parameter"),
    ("phase", lambda phase: {**phase, "schedule": {"step": 1, "last_epoch": "x"}}, r"phase\.schedule.*last_epoch is not of type int"),
    ("phase", lambda phase: {**phase, "progress": {"curve": [1], "sums": {}}}, "curve"),
    ("criterion", lambda criterion: {"x": torch.ones(1)}, r"0001\.pt: training\.criterion of the checkpoint does not fit"),
    ("rng", lambda rng: torch.ones(3), r"0001\.pt: training\.rng of the checkpoint does not fit"),
    ("bad_images", lambda bad: {"draws": "x", "paths": []}, "draws='x': expected int"),
    ("processes", lambda processes: 0, r"0001\.pt: training\.processes=0: expected 1 or more"),
])
def test_a_training_state_that_does_not_fit_is_one_line(halfway, tmp_path, key, change, message):
    config, path = halfway
    shutil.copytree(path, tmp_path / "run")
    file = tmp_path / "run" / "with-bn-0001.pt"
    values = torch.load(file, weights_only=True)
    values["training"][key] = change(values["training"][key])
    torch.save(values, file)
    with pytest.raises(UserError, match=message):
        go(config, tmp_path / "run", float_only=True, resume=True)


def test_resume_with_other_workers_gives_the_same_network(halfway, images, tmp_path):
    config, path = halfway
    networks = []
    for name, env in (("same", {}), ("other", {"cache_mb": 1, "log_interval": 1, "checkpoint_interval": 1, "workers": 1})):
        shutil.copytree(path, tmp_path / name)
        own = tiny_config(images, ["seg"], solver=float_solver(iterations=4), env={**config_values(images)["env"], **env})
        networks.append(go(own, tmp_path / name, float_only=True, resume=True).net.state_dict())
    assert all(torch.equal(value, networks[1][name]) for name, value in networks[0].items())


@pytest.mark.slow
def test_a_node_that_is_frozen_stays_as_it_is_and_resume_is_exact(images, tmp_path, monkeypatch):
    """The backbone in float, where the head learns at ten times the rate; the neck under fake-quant, where the backbone learns."""
    multipliers = {"backbone": {"lr": 0}, "seg_head": {"lr": 10, "weight_decay": 0}}
    solver = float_solver(optimizer={"type": "AdamW", "lr": 2e-3, "multipliers": multipliers})
    quant_phase = phase(1, optimizer={"type": "SGD", "lr": 1e-2, "multipliers": {"n?ck": {"lr": 0}}})
    config = tiny_config(images, ["seg"], solver=[{**solver[0], "quant_phase": quant_phase}, *solver[1:]])
    table = stages(config, float_only=False)[:2]
    interrupter = Interrupter(monkeypatch)
    interrupter.left = 3
    with pytest.raises(KeyboardInterrupt):
        go(config, tmp_path / "parts", float_only=True)
    interrupter.left = None
    go(config, tmp_path / "parts", float_only=True, resume=True)
    run = start_run(config, tmp_path / "whole", ctx="cpu", resume=False, console=PlainConsole(file=io.StringIO(), width=200))
    train(run, table, resume=False)
    begun, done, parts, rounded, later = (load_checkpoint(tmp_path / f"{path}.pt") for path in (
        "whole/with-bn-float-init", "whole/with-bn-float-last", "parts/with-bn-float-last", "whole/with-bn-init", "whole/with-bn-last"))

    def moved(before, after):
        """Nodes; scales of weights aside, which each pass computes from them."""
        return {name.split(".")[1] for name, value in after.network.items()
                if "weight_quant" not in name and not torch.equal(value, before.network[name])}

    assert moved(begun, done) == {"neck", "seg_head"}  # neither weights of the backbone nor its statistics
    assert moved(rounded, later) == {"backbone", "seg_head"}  # nor the scales of its feature maps
    assert all(torch.equal(value, parts.network[name]) for name, value in done.network.items())
    state = load_checkpoint(tmp_path / "whole" / "with-bn-0002.pt").training["phase"]["optimizer"]
    sizes = {node: len(list(run.net.nodes[node].parameters())) for node in run.net.nodes}
    assert sum(len(group["params"]) for group in state["param_groups"]) == len(state["state"]) == sizes["neck"] + sizes["seg_head"]
