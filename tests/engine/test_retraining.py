import io

import pytest
import torch

from mtzoo.config.solver import OptimizerSpec, ScheduleSpec
from mtzoo.console import PlainConsole
from mtzoo.engine.checkpoint import load_checkpoint
from mtzoo.engine.retraining import FLOAT_RATE, Retraining, retrain, retraining_config
from mtzoo.engine.stages import network_at
from mtzoo.errors import UserError
from mtzoo.quantization import convert, freeze, layers_with_bn
from tests.tiny import tiny_config, write_images


@pytest.fixture
def config(tmp_path):
    return tiny_config(write_images(tmp_path / "data"))


@pytest.mark.parametrize("numbers", [(0,), (5, 0), (5, 2, 0.0), (5, 2, 1.5), (5, 2, 0.1, -1)])
def test_numbers_that_cannot_be_are_told(numbers):
    with pytest.raises(UserError, match=r"^--[a-z-]+ [-0-9.]+: must "):
        Retraining(*numbers)


def test_a_float_phase_is_milder_and_a_quantized_one_as_the_config_says(config):
    lr = config.solver[0].float_phase.optimizer.lr
    phase = retraining_config(config, Retraining(7), quantized=False).solver[0].float_phase
    assert (phase.iterations, phase.epochs, phase.batch_size) == (7, None, 2)
    assert phase.optimizer.lr == FLOAT_RATE * lr
    changed = retraining_config(config, Retraining(7, 3, 0.01, 1), quantized=True)
    assert (changed.solver[2].quant_phase.batch_size, changed.solver[2].quant_phase.optimizer.lr, changed.env.workers) == (3, 0.01, 1)
    assert changed.solver[:2] == config.solver[:2]


def test_a_plan_for_training_takes_the_place_of_the_phases(config):
    pieces = {"type": "piecewise", "boundaries": [3], "factors": [0.1]}
    optimizer = {"type": "SGD", "momentum": 0.0, "weight_decay": 0.2}
    plan = Retraining(None, epochs=1.5, learning_rate=0.3, optimizer=optimizer, schedule=pieces)
    for quantized, step, key in ((False, 0, "float_phase"), (True, 2, "quant_phase")):
        phase = getattr(retraining_config(config, plan, quantized=quantized).solver[step], key)
        assert (phase.iterations, phase.epochs) == (None, 1.5)
        assert phase.optimizer == OptimizerSpec("SGD", 0.3, 0.2, 0.0)
        assert phase.schedule == ScheduleSpec("piecewise", boundaries=(3,), factors=(0.1,))
    with pytest.raises(UserError, match="the length of the training is missing"):
        Retraining(None)


@pytest.mark.slow
@pytest.mark.parametrize("quantized", [False, True])
def test_a_network_is_trained_on_and_kept(config, tmp_path, quantized):
    ready = retraining_config(config, Retraining(3), quantized=quantized)
    start = network_at(config, 0, quantized=False)
    run = retrain(ready, tmp_path / "save", quantized=quantized, console=PlainConsole(file=io.StringIO()), eval_limit=2,
                  initialize=lambda run: run.net.load_state_dict(start.state_dict()))
    name = "fusion-bn-c2-last.pt" if quantized else "with-bn-float-last.pt"
    saved = load_checkpoint(tmp_path / "save" / name)
    assert (saved.progress.step, saved.progress.quantized, saved.progress.done) == (2 if quantized else 0, quantized, True)
    assert not torch.equal(next(start.parameters()), next(run.net.parameters()))
    assert bool(layers_with_bn(run.net)) != quantized
    if quantized:
        freeze(run.net)
        convert(run.net)
