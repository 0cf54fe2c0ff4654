"""Which keys of a config a verb reads."""

import pytest

from mtzoo.config import config_from_dict, parts
from mtzoo.config.overrides import idle_overrides
from tests.tiny import config_values

IMAGES = ("sources.boxes.images", "elsewhere")
OVERRIDES = dict([IMAGES, ("photometric.brightness", 0.5), ("nodes.backbone.width", 0.5), ("quantization.observer", "mse"),
                  ("solver.0.float_phase.batch_size", 3), ("solver.1.quant_phase.batch_size", 3), ("env.seed", 7), ("env.workers", 3),
                  ("pipeline_test.iterations", 9), ("merge.border", 8.0)])
"""Key -> a value that differs from the config's."""
READ = {
    "whole": set(OVERRIDES),
    "labels": {"sources.boxes.images"},
    "training_samples": {"sources.boxes.images", "photometric.brightness"},
    "loading": {"sources.boxes.images", "photometric.brightness", "env.seed", "solver.0.float_phase.batch_size"},
    "network": {"nodes.backbone.width", "quantization.observer"},
    "evaluation": {"sources.boxes.images", "nodes.backbone.width", "quantization.observer", "env.workers"},
    "delivery": set(OVERRIDES) - {"pipeline_test.iterations"},
    "post_training": set(OVERRIDES) - {"pipeline_test.iterations", "solver.0.float_phase.batch_size",
                                       "solver.1.quant_phase.batch_size"},
    "float_training": {"sources.boxes.images", "photometric.brightness", "nodes.backbone.width", "solver.0.float_phase.batch_size",
                       "env.seed", "env.workers"},
    "float_pipeline_test": {"sources.boxes.images", "photometric.brightness", "nodes.backbone.width", "solver.0.float_phase.batch_size",
                            "env.seed", "env.workers", "pipeline_test.iterations"},
}


@pytest.mark.parametrize("part", READ)
def test_what_a_part_does_not_hold_is_told(part, tmp_path):
    lines = idle_overrides(config_values(tmp_path), OVERRIDES, build=config_from_dict, part=getattr(parts, part), verb="data view")
    assert lines == [f"--cfg-options {key}: changes nothing; data view does not read it" for key in OVERRIDES if key not in READ[part]]


def test_a_checkpoint_carries_what_its_verb_does_not_read(tmp_path):
    (line,) = idle_overrides(config_values(tmp_path), {"quantization.observer": "mse"}, build=config_from_dict,
                             part=parts.float_training, verb="train", carried=True)
    assert line.endswith("train does not read it, though its checkpoint carries it to verbs that do")
