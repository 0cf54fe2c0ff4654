"""Strategy files in the layout of PaddleSlim's automatic compression, key by key."""

import pytest

from mtzoo.config.strategy import read_strategy
from mtzoo.errors import UserError

SPARSE = """
Global:
  reader_config: data.yaml
  model_dir: ./people
  model_filename: model.pdmodel
Distillation:
  alpha: 0.5
  loss: l2
  node:
  - batch_norm_3.tmp_2
UnstructurePrune:
  prune_strategy: gmp
  prune_mode: ratio
  ratio: 0.6
  gmp_config:
    stable_iterations: 100
    pruning_iterations: 300
    tunning_iterations: 600
    resume_iteration: -1
    pruning_steps: 30
    initial_ratio: 0.2
  prune_params_type: conv1x1_only
  local_sparsity: True
TrainConfig:
  epochs: 3
  eval_iter: 50
  learning_rate:
    type: PiecewiseDecay
    boundaries: [200, 400]
    values: [0.01, 0.002, 0.04]
  optimizer_builder:
    optimizer:
      type: Momentum
      momentum: 0.8
    weight_decay: 0.001
  origin_metric: 0.91
"""


def read(tmp_path, text):
    path = tmp_path / "strategy.yaml"
    path.write_text(text)
    return read_strategy(path)


def test_sparse_and_distillation(tmp_path):
    found = read(tmp_path, SPARSE)
    assert found.names_methods
    assert found.trains_float
    assert found.sparsity == {"ratio": 0.6, "pointwise_only": True, "scope": "layer", "begin": 0.1, "end": 0.4, "interval": 10,
                              "initial_ratio": 0.2}
    assert found.distillation == {"weight": 0.5, "features": {}, "teacher": None}
    assert (found.pruning, found.quantization, str(found.dataset), found.hardware) == (None, None, "data.yaml", None)
    plan = found.training
    assert (plan.epochs, plan.iterations, plan.learning_rate, plan.origin_metric) == (3.0, None, 0.01, 0.91)
    assert plan.schedule == {"type": "piecewise", "boundaries": [200, 400], "factors": pytest.approx([0.2, 4.0])}
    assert plan.optimizer == {"type": "SGD", "momentum": 0.8, "weight_decay": 0.001}
    told = [line.removeprefix(f"{found.path}: ").partition(": ")[0] for line in found.notes]
    assert told == ["Global", "Distillation.loss", "Distillation.node", "TrainConfig"]
    assert "model_dir, model_filename: changes nothing" in found.notes[0]
    assert "'batch_norm_3.tmp_2'" in found.notes[2]


def test_without_a_train_config_gmp_says_how_long(tmp_path):
    assert read(tmp_path, SPARSE.partition("TrainConfig")[0]).training.iterations == 1000


def test_all_zeros_at_once_without_gmp(tmp_path):
    sparsity = read(tmp_path, "UnstructurePrune: {prune_strategy: None, ratio: 0.5}").sparsity
    assert sparsity == {"ratio": 0.5, "pointwise_only": False, "scope": "global", "begin": 0.0, "end": 1e-9, "interval": 1}


@pytest.mark.parametrize("name", ["Quantization", "QuantAware"])
def test_quantization_in_its_words(name, tmp_path):
    found = read(tmp_path, f"""
{name}:
  use_pact: true
  weight_bits: 7
  activation_quantize_type: range_abs_max
  weight_quantize_type: abs_max
  quantize_op_types: [conv2d, depthwise_conv2d, mul, matmul_v2]
  not_quant_pattern: [skip_quant, last_conv, "nodes.head.*"]
  onnx_format: false
  moving_rate: 0.95
""")
    assert found.quantization == {"weight_bits": 7, "observer": "abs_max", "weight_granularity": "tensor", "moving_rate": 0.95,
                                  "op_types": ["conv2d", "group_conv2d"]}
    assert found.float_patterns == ("*last_conv*", "nodes.head.*")
    assert not found.calibrated
    assert [line.partition("; ")[0].removeprefix(f"{found.path}: ") for line in found.notes] == [
        f"{name}: use_pact: changes nothing", f"{name}.onnx_format: changes nothing"]


def test_calibration_alone(tmp_path):
    found = read(tmp_path, "QuantPost: {batch_size: 4, batch_nums: 5, algo: hist, hist_percent: 0.999, bias_correct: true}")
    assert (found.calibrated, found.calibration_images, found.bias_correction) == (True, 20, True)
    assert found.quantization == {"observer": "percentile", "percentile": pytest.approx(99.9)}
    plain = read(tmp_path, "QuantPost: {recon_level: None, batch_nums: None, algo: mse}")
    assert (plain.quantization, plain.calibration_images, plain.bias_correction) == ({"observer": "mse"}, None, False)


def test_a_percentile_that_no_histogram_is_made_for_is_told(tmp_path):
    found = read(tmp_path, "QuantPost: {algo: abs_max, hist_percent: 0.999}")
    assert found.quantization == {"observer": "abs_max"}
    assert found.notes == (f"{found.path}: QuantPost: hist_percent: changes nothing; algo 'abs_max' does not read it",)


def test_what_only_training_reads_is_told_where_nothing_is_trained(tmp_path):
    found = read(tmp_path, "QuantPost: {}\nDistillation: {}\nTrainConfig: {epochs: 2, origin_metric: 0.5}")
    assert not found.trains
    assert found.notes == tuple(f"{found.path}: {name}: changes nothing; QuantPost trains nothing"
                                for name in ("TrainConfig", "Distillation"))
    assert read(tmp_path, "QuantPost: {}\nTrainConfig: {origin_metric: 0.5}").notes == ()
    assert read(tmp_path, "QuantPost: {}\nChannelPrune: {pruned_ratio: 0.2}\nTrainConfig: {epochs: 2}").notes == ()


def test_channels(tmp_path):
    section = "{pruned_ratio: 0.25, prune_params_name: [conv2d_1.w_0, nodes.stem], criterion: geometry_median}"
    found = read(tmp_path, f"ChannelPrune: {section}")
    assert (found.pruning.ratio, found.pruning.importance, found.pruning.layers) == (0.25, "fpgm", ("nodes.stem",))
    assert "'conv2d_1.w_0'" in found.notes[0]
    assert read(tmp_path, "ASPPrune: {prune_params_name: [conv1_weights]}").sparsity == {"pattern": "2:4"}


def test_a_train_config_alone_names_no_method(tmp_path):
    found = read(tmp_path, "Global: {deploy_hardware: SD710}\nTrainConfig: {train_iter: 20, learning_rate: 0.005, logging_iter: 7}")
    assert not found.names_methods
    assert found.hardware == "SD710"
    assert found.training.iterations == 20
    assert found.training.schedule == {"type": "constant"}
    assert found.training.env == {"log_interval": 7}


@pytest.mark.parametrize(("text", "rate", "schedule"), [
    ("{type: CosineAnnealingDecay, learning_rate: 0.02, T_max: 9}", 0.02, {"type": "cosine", "min_lr_ratio": 0.0}),
    ("{type: PolynomialDecay, learning_rate: 0.1, decay_steps: 9, end_lr: 0.01, power: 0.9}", 0.1,
     {"type": "poly", "min_lr_ratio": 0.1, "power": 0.9}),
])
def test_decays(text, rate, schedule, tmp_path):
    plan = read(tmp_path, f"TrainConfig: {{epochs: 1, learning_rate: {text}}}").training
    assert (plan.learning_rate, plan.schedule) == (rate, pytest.approx(schedule))


@pytest.mark.parametrize(("text", "optimizer"), [
    ("optimizer_builder: {optimizer: {type: SGD}, weight_decay: 0.1}", {"type": "SGD", "momentum": 0.0, "weight_decay": 0.1}),
    ("optimizer_builder: {optimizer: {type: AdamW}, regularizer: {type: L2Decay, coeff: 0.2}}", {"type": "AdamW", "weight_decay": 0.2}),
    ("optimizer: Adam", {"type": "AdamW", "weight_decay": 0.0}),
    ("optimizer: Momentum\n  optim_args: {weight_decay: 0.3, momentum: 0.5}", {"type": "SGD", "momentum": 0.5, "weight_decay": 0.3}),
    ("optimizer: Momentum", {"type": "SGD", "momentum": 0.9, "weight_decay": 0.0}),
    ("optimizer: SGD\n  optim_args: {weight_decay: 0.3}", {"type": "SGD", "momentum": 0.0, "weight_decay": 0.3}),
])
def test_optimizers(text, optimizer, tmp_path):
    assert read(tmp_path, f"TrainConfig:\n  epochs: 1\n  {text}\n").training.optimizer == optimizer


@pytest.mark.parametrize(("text", "said"), [
    ("UnstructuredPrune: {ratio: 0.5}", "UnstructuredPrune: unknown key; did you mean 'UnstructurePrune'"),
    ("TrainConfig: {epoch: 3}", "TrainConfig.epoch: unknown key; did you mean 'epochs'"),
    ("TrainConfig: {epochs: three}", "TrainConfig.epochs"),
    ("TrainConfig: {epochs: 1, train_iter: 3}", "TrainConfig.train_iter=3: epochs are given as well"),
    ("TrainConfig: {target_metric: 0.9}", "TrainConfig.target_metric=0.9: training does not stop"),
    ("TrainConfig: {learning_rate: {type: LinearWarmup}}", "TrainConfig.learning_rate.type='LinearWarmup': expected one of Cosine"),
    ("TrainConfig: {learning_rate: {type: PiecewiseDecay, boundaries: [3], values: [1.0]}}", "values=.*one more than the 1 b"),
    ("TrainConfig: {learning_rate: 0}", "TrainConfig.learning_rate=0: expected a number above 0"),
    ("TrainConfig: {optimizer_builder: {optimizer: {type: Adam}, weight_decay: 0.1}}", "optimizer.type='Adam': Adam adds weight decay"),
    ("TrainConfig: {optimizer_builder: {optimizer: {type: RMSProp}}}", "optimizer.type='RMSProp': expected one of SGD, Momentum"),
    ("TrainConfig: {optimizer: SGD, optim_args: {weight_decai: 0.1}}", "TrainConfig.optim_args.weight_decai: unknown key"),
    ("TrainConfig: {optimizer: SGD, optim_args: {momentum: 0.9}}", "TrainConfig.optim_args.momentum: unknown key"),
    ("TrainConfig: {optimizer: SGD, optimizer_builder: {weight_decay: 0.1}}", "optimizer='SGD': optimizer_builder is there"),
    ("TrainConfig: {epochs: .nan}", "TrainConfig.epochs=nan: expected a number above 0"),
    ("TrainConfig: {learning_rate: .inf}", "TrainConfig.learning_rate=inf: expected a number above 0"),
    ("TrainConfig: {learning_rate: {type: PolynomialDecay, learning_rate: 0.00005}}", "end_lr=0.0001: .* and learning_rate=5e-05"),
    ("TrainConfig: {origin_metric: 91}", "TrainConfig.origin_metric=91: expected a share in 0..1"),
    ("MultiTeacherDistillation: {}", "MultiTeacherDistillation: there is one teacher"),
    ("TransformerPrune: {pruned_ratio: 0.2}", "TransformerPrune: no network here has attention"),
    ("Distillation: {alpha: 1.0}", "Distillation: alone it makes nothing smaller"),
    ("QuantAware: {}\nDistillation: {loss: fsp}", "Distillation.loss='fsp': 'soft_label' is what there is"),
    ("QuantAware: {}\nDistillation: {alpha: [1.0, 2.0]}", "Distillation.alpha=.*one factor for all"),
    ("QuantAware: {}\nDistillation: {teacher_model_dir: ./x}", "Distillation.teacher_model_dir='./x': an inference model of Paddle"),
    ("QuantAware: {}\nQuantPost: {}", "QuantPost: QuantAware is there, too"),
    ("QuantAware: {weight_bits: 3}", "QuantAware.weight_bits=3: weights are stored as int8"),
    ("QuantAware: {weight_quantize_type: range_abs_max}", "QuantAware.weight_quantize_type='range_abs_max': weights need no observer"),
    ("QuantAware: {dtype: uint8}", "QuantAware.dtype='uint8': 'int8' is what there is"),
    ("QuantAware: {quantise_op_types: []}", "QuantAware.quantise_op_types: unknown key; did you mean 'quantize_op_types'"),
    ("QuantPost: {algo: KL}", "QuantPost.algo='KL': expected one of abs_max"),
    ("QuantPost: {recon_level: layer-wise}", "QuantPost.recon_level='layer-wise': layers are not trained one by one"),
    ("UnstructurePrune: {prune_mode: threshold, threshold: 0.01}", "UnstructurePrune.prune_mode='threshold': 'ratio' is what"),
    ("UnstructurePrune: {prune_strategy: gmp, ratio: 0.5}", "UnstructurePrune.gmp_config: is missing"),
    ("UnstructurePrune: {ratio: 1.5}", "UnstructurePrune.ratio=1.5: expected a share between 0 and 1"),
    ("UnstructurePrune: {prune_strategy: gmp, ratio: 0.5, gmp_config: {pruning_iterations: 9, initial_ratio: 0.5}}",
     "gmp_config.initial_ratio=0.5: must be"),
    ("ChannelPrune: {criterion: l1_norm}", "ChannelPrune.pruned_ratio: is missing"),
    ("ChannelPrune: {pruned_ratio: 0.2, criterion: l3}", "ChannelPrune.criterion='l3': expected one of l1_norm"),
    ("ChannelPrune: 0.2", "ChannelPrune=0.2: expected keys with values"),
    ("- a", "no strategy file; expected names with a colon"),
    ("a: [", "not YAML"),
    ("TrainConfig: !!python/object/apply:os.system ['true']", "not YAML"),
])
def test_what_cannot_be_done_is_one_line_with_file_and_key(text, said, tmp_path):
    with pytest.raises(UserError, match=f"^{tmp_path / 'strategy.yaml'}: .*{said}"):
        read(tmp_path, text)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(UserError, match="no such strategy file; check its path"):
        read_strategy(tmp_path / "none.yaml")
