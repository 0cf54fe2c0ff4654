"""Evaluation while training goes on: what is best, when it stops, and that it leaves no trace."""

import io
import json
import math
import signal

import pytest
import torch

from mtzoo.config.validation import Validation
from mtzoo.console import PlainConsole
from mtzoo.engine import validation as module
from mtzoo.engine.checkpoint import load_checkpoint
from mtzoo.engine.progress import Progress
from mtzoo.engine.run import stages, start_run
from mtzoo.engine.train_stages import train
from mtzoo.engine.validation import Validator
from mtzoo.errors import UserError
from mtzoo.signals import handled
from tests.engine.tiny_runs import Interrupter, float_solver, go
from tests.tiny import phase, tiny_config, write_images

WEIGHTS = {"seg/mIoU": 3.0, "det/AP50": 1.0}


def validator(tmp_path, found, since=0, **spec):
    progress = Progress("with-bn", 100, 50, [], PlainConsole(file=io.StringIO(), width=200))
    values = iter(found)
    return Validator(Validation(every_iterations=10, **spec), 10, 95, WEIGHTS, lambda: next(values), progress, since)


def metrics(*means):
    return [None if mean is None else {"seg/mIoU": mean, "det/AP50": 0.0} for mean in means]


def test_the_score_is_the_weighted_mean_and_every_validation_is_told(tmp_path):
    judge = validator(tmp_path, [{"seg/mIoU": 40.0, "det/AP50": 20.0, "seg/IoU/pole": math.nan}])
    assert judge.validate(10)
    assert judge.best == (10, 35.0)
    line = judge.progress.console.file.getvalue()
    assert line == "with-bn 10/100  validation  seg/mIoU 40.00  det/AP50 20.00  score 35.00, the best so far\n"
    assert [judge.is_due(iteration) for iteration in (0, 10, 15, 20, 95)] == [False, False, False, True, True]


@pytest.mark.parametrize(("means", "spec", "since", "best", "stops"), [
    ((10, 30, 20, 25), {"patience": 2}, 0, 20, True),
    ((10, 30, 20, 31), {"patience": 2}, 0, 40, False),
    ((10, 30, 30.9, 31.5), {"min_delta": 1.0}, 0, 40, False),
    ((10, 30, 30.9, 30.8), {"min_delta": 1.0}, 0, 20, False),
    ((50, 30, 31, 20), {"patience": 2}, 20, 30, False),  # the first is of a network that is not sparse yet
])
def test_the_best_and_the_end(tmp_path, means, spec, since, best, stops):
    judge = validator(tmp_path, metrics(*(mean / 0.75 for mean in means)), since, **spec)
    for i in range(len(means)):
        judge.validate(10 * (i + 1))
    assert (judge.best[0], judge.stops, len(judge.curve)) == (best, stops, 4)
    again = validator(tmp_path, [], since, **spec)
    again.load_state(judge.state())
    assert again.state() == judge.state()


def test_one_that_a_signal_cut_short_is_made_up_for(tmp_path):
    judge = validator(tmp_path, metrics(None, 10))
    assert not judge.validate(10)
    assert judge.is_due(10)
    assert judge.validate(10)
    assert not judge.is_due(10)


@pytest.mark.parametrize("found", [{"seg/mIoU": math.nan, "det/AP50": 1.0}, {"det/AP50": 1.0}])
def test_a_metric_without_ground_truth_is_told(tmp_path, found):
    with pytest.raises(UserError, match=r"validation\.metric: 'seg/mIoU' has no ground truth among the validation images"):
        validator(tmp_path, [found]).validate(10)


@pytest.mark.slow
def test_a_pipeline_test_may_lack_ground_truth_among_its_few_images(tmp_path):
    """The first 8 images of a drive may show nobody; the whole validation set does."""
    root = write_images(tmp_path / "data", count=10)
    boxes = json.loads((root / "boxes.json").read_text())
    boxes["annotations"] = [box for box in boxes["annotations"] if box["image_id"] >= 8]
    (root / "boxes.json").write_text(json.dumps(boxes))
    validation = {"every_iterations": 1, "keep": "best"}
    config = tiny_config(root, ["det"], solver=float_solver(validation=validation), pipeline_test={"iterations": 2})
    run = go(config, tmp_path / "run", float_only=True, pipeline_test=True)
    assert [at for at, _ in run.history[0].validation] == [1, 2]
    assert math.isnan(run.history[0].metrics["det/AP"])


def scripted(monkeypatch, scores):
    """Evaluations in between give these scores, by how many there have been."""
    left = iter(scores)
    monkeypatch.setattr(module, "evaluate_shown", lambda *args, **kwargs: {"seg/mIoU": float(next(left))})


@pytest.mark.slow
def test_the_best_is_kept_and_handed_on_and_resume_knows_it(images, tmp_path, monkeypatch):
    validation = {"every_iterations": 1, "keep": "best", "patience": 3}
    config = tiny_config(images, ["seg"], solver=float_solver(iterations=8, validation=validation))
    scripted(monkeypatch, [10, 30, 20, 25, 5, 40])
    whole = go(config, tmp_path / "whole", float_only=True)
    assert [iteration for iteration, _ in whole.history[0].validation] == [1, 2, 3, 4, 5]  # then patience is over
    assert whole.history[0].metrics == {"seg/mIoU": 30.0}
    best, last, second = (load_checkpoint(tmp_path / "whole" / f"with-bn-{name}.pt") for name in ("float-best", "float-last", "0001"))
    assert (best.progress.iteration, second.progress.iteration, last.progress.iteration) == (2, 2, 5)
    assert all(torch.equal(value, best.network[key]) and torch.equal(value, second.network[key]) for key, value in last.network.items())
    interrupter = Interrupter(monkeypatch)
    interrupter.left = 4
    scripted(monkeypatch, [10, 30, 20, 25])
    with pytest.raises(KeyboardInterrupt):
        go(config, tmp_path / "parts", float_only=True)
    interrupter.left = None
    scripted(monkeypatch, [5])
    parts = go(config, tmp_path / "parts", float_only=True, resume=True)
    assert parts.history[0].validation == whole.history[0].validation
    assert all(torch.equal(value, parts.net.state_dict()[key]) for key, value in last.network.items())


@pytest.mark.slow
def test_validation_leaves_no_trace_in_what_is_trained(images, tmp_path):
    """In float and under fake-quant with observers; the last one is the evaluation of the stage."""
    validation = {"every_iterations": 1, "metric": {"seg/IoU/thing": 1.0}}
    nets = {}
    for name, extra in (("plain", {}), ("validated", {"validation": validation})):
        solver = float_solver(iterations=2, **extra)
        config = tiny_config(images, ["seg"], solver=[{**solver[0], "quant_phase": phase(2, **extra)}, *solver[1:]])
        run = start_run(config, tmp_path / name, ctx="cpu", resume=False, console=PlainConsole(file=io.StringIO(), width=200))
        train(run, stages(config, float_only=False)[:2], resume=False)
        nets[name] = run.net.state_dict()
    assert all(torch.equal(value, nets["validated"][key]) for key, value in nets["plain"].items())
    assert [[at for at, _ in record.validation] for record in run.history] == [[1, 2], [1, 2]]
    assert run.history[0].metrics == run.history[0].validation[-1][1]


@pytest.mark.thorough
def test_a_signal_during_a_validation_ends_it_and_resume_makes_up_for_it(images, tmp_path, monkeypatch):
    config = tiny_config(images, ["seg"], solver=float_solver(iterations=3, validation={"every_iterations": 2}))
    whole = go(config, tmp_path / "whole", float_only=True)
    predictor = module.network_predictor

    def signalled(*args):
        signal.raise_signal(signal.SIGTERM)
        return predictor(*args)

    monkeypatch.setattr(module, "network_predictor", signalled)
    with pytest.raises(KeyboardInterrupt, match="stopped after iteration 2 of 3"), handled():
        go(config, tmp_path / "parts", float_only=True)
    monkeypatch.setattr(module, "network_predictor", predictor)
    parts = go(config, tmp_path / "parts", float_only=True, resume=True)
    assert parts.history[0].validation == whole.history[0].validation
    assert all(torch.equal(value, parts.net.state_dict()[key]) for key, value in whole.net.state_dict().items())
