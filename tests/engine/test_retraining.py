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
from mtzoo.settings.post_training import Corrections
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
    with pytest.raises(UserError, match=r"iterations=5 and epochs=1\.0: two lengths of one training; give one of them"):
        Retraining(5, epochs=1.0)


def test_corrections_are_for_a_network_that_learns_to_round(config):
    asked = Retraining(7, equalize="network", bias_correction=True)
    assert retraining_config(config, asked, quantized=True).solver[2].quant_phase.corrections == Corrections("network", biases=True)
    assert retraining_config(config, Retraining(7), quantized=True).solver[2].quant_phase.corrections == Corrections()
    with pytest.raises(UserError, match=r"^solver\[0\]\.float_phase\.corrections: only a network without BN is corrected"):
        retraining_config(config, asked, quantized=False)


@pytest.mark.slow
def test_a_corrected_start_is_the_same_network_in_float_with_other_biases(config, tmp_path):
    start, begun = network_at(config, 0, quantized=False), {}
    for name, asked in (("plain", Retraining(1)), ("corrected", Retraining(1, equalize="network", bias_correction=True))):
        retrain(retraining_config(config, asked, quantized=True), tmp_path / name, quantized=True,
                console=PlainConsole(file=io.StringIO()), eval_limit=2,
                initialize=lambda run: run.net.load_state_dict(start.state_dict()))
        begun[name] = load_checkpoint(tmp_path / name / "fusion-bn-c2-init.pt").network
    plain, corrected = begun.values()
    assert plain.keys() == corrected.keys()
    factors = {name: (corrected[name] / weight)[weight.abs() > 1e-6].log2() for name, weight in plain.items() if "conv.weight" in name}
    assert all(torch.equal(exponents, exponents.round()) for exponents in factors.values())
    assert any(exponents.count_nonzero() for exponents in factors.values())
    assert any(not torch.equal(corrected[name], bias) for name, bias in plain.items() if name.endswith("conv.bias"))


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
