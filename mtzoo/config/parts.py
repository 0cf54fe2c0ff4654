"""The parts of a config that a verb takes, to be compared: an override of another part changes nothing of what it does."""

from dataclasses import fields, replace

from mtzoo.config.schema import ExperimentConfig

Part = tuple[object, ...] | ExperimentConfig


def whole(config: ExperimentConfig) -> Part:
    """Of a verb that shows the config, or whose result depends on all of it."""
    return config


def train_labels(config: ExperimentConfig) -> Part:
    """What is labelled in the training data."""
    return tuple((task.name, task.kind, task.classes, task.train_sources) for task in config.tasks)


def val_labels(config: ExperimentConfig) -> Part:
    """What is labelled in the validation data."""
    return tuple((task.name, task.kind, task.classes, task.val_sources) for task in config.tasks)


def labels(config: ExperimentConfig) -> Part:
    """What is labelled in all data."""
    return train_labels(config), val_labels(config)


def training_samples(config: ExperimentConfig) -> Part:
    """How training data become samples."""
    drawn = tuple(task.oversample_thr for task in config.tasks)
    return train_labels(config), drawn, config.train_geometry, config.photometric, config.augmentation


def loading(config: ExperimentConfig) -> Part:
    """How the first training phase loads its samples."""
    step = config.solver[0]
    return training_samples(config), config.env.seed, (step.float_phase or step.quant_phase).batch_size


def network(config: ExperimentConfig) -> Part:
    """The network at its input size, how it is quantized, and the heads that training adds."""
    quantized = tuple(task.quantization for task in config.tasks)
    return config.graphs, config.channels, config.deploy_geometry.input_hw, config.quantization, quantized, config.auxiliary


def deployment(config: ExperimentConfig) -> Part:
    """The network and what is around it in a deploy model, as it is quantized."""
    tasks = tuple((task.name, task.kind, task.classes, task.nodes, task.decoder, task.quantization) for task in config.tasks)
    return (tasks, config.deploy_geometry, config.quantization, config.fusion_bn_patterns, config.channels,
            config.int_inference_export_input_shape)


def evaluation(config: ExperimentConfig) -> Part:
    """The same, and the images that it is evaluated on."""
    return deployment(config), val_labels(config), config.env.workers


def delivery(config: ExperimentConfig) -> Part:
    """All but the length of a pipeline test."""
    return _without(config, "pipeline_test")


def post_training(config: ExperimentConfig) -> Part:
    """Of quantization without training: all but how a network is trained."""
    rest = _without(config, "pipeline_test", "solver", "loss_balance", "samples_per_epoch", "distillation")
    return rest, tuple(step.prefix for step in config.solver)


def float_training(config: ExperimentConfig) -> Part:
    """Of training in float: all but how a network is quantized, folded, exported and merged, and the length of a pipeline test."""
    rest = _without(config, "pipeline_test", "tasks", "quantization", "fusion_bn_patterns", "solver", "merge",
                    "int_inference_export_input_shape", "env")
    tasks = tuple(replace(task, quantization=None) for task in config.tasks)
    return rest, tasks, replace(config.env, calibration_batches=1), config.solver[0].prefix, config.solver[0].float_phase


def float_pipeline_test(config: ExperimentConfig) -> Part:
    """The same for a pipeline test."""
    return float_training(config), config.pipeline_test


def _without(config: ExperimentConfig, *names: str) -> tuple[object, ...]:
    """The values of all keys but some."""
    return tuple(getattr(config, field.name) for field in fields(config) if field.compare and field.name not in names)
