"""A teacher of the tiny config: who may be one, and what it teaches."""

import re

import numpy as np
import pytest
import torch

from mtzoo.config import config_from_dict
from mtzoo.config.distillation import Distillation
from mtzoo.engine.distillation import DISTANCES, build_distiller
from mtzoo.engine.losses import MultiTaskLoss, compute_loss
from mtzoo.engine.stages import network_at
from mtzoo.errors import UserError
from mtzoo.structures import IGNORE, Batch
from tests.engine.teachers import save_teacher
from tests.tiny import HW, config_values

CPU = torch.device("cpu")


@pytest.fixture
def teacher(tmp_path):
    save_teacher(tmp_path / "teacher.pt", config_values(tmp_path))
    return tmp_path / "teacher.pt"


def config_of(teacher, tasks=("det", "seg"), **distillation):
    return config_from_dict(config_values(teacher.parent, tasks, distillation={"teacher": str(teacher), **distillation}))


def unlabelled(images=2, labelled=()):
    """labelled: images of which one pixel is labelled."""
    pixels = torch.randint(0, 256, (images, 3, *HW), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    masks = torch.full((images, *HW), IGNORE, dtype=torch.uint8)
    masks[list(labelled), 0, 0] = 1
    return Batch(pixels, np.zeros((images, 2, 3)), [HW] * images, ["x"] * images, ["s"] * images, {"det": [None] * images},
                 {"seg": masks})


def losses(config, batch, student=None):
    """(sum, terms, criterion, student) of one batch, backward done."""
    student = student or network_at(config, 0, quantized=False)
    criterion = MultiTaskLoss(config, build_distiller(config, CPU))
    total, terms = compute_loss(student, criterion, batch, batch.images / 128.0 - 1, bf16=False)
    if total.requires_grad:
        total.backward()
    return total, {name: float(value) for name, value in terms.items()}, criterion, student


def test_images_without_labels_teach_every_task(teacher):
    total, terms, _, student = losses(config_of(teacher), unlabelled())
    assert set(terms) == {"distil.det.cls", "distil.det.box", "distil.seg.logits"}
    assert min(terms.values()) > 0
    assert float(total.detach()) == pytest.approx(sum(terms.values()))
    moved = {name.split(".")[1] for name, p in student.named_parameters() if p.grad is not None and float(p.grad.abs().sum()) > 0}
    assert moved == {"backbone", "neck", "det_head", "seg_head"}
    assert losses(config_of(teacher, unlabelled=False), unlabelled())[1] == {}


def test_labelled_rows_alone_where_asked(teacher):
    batch = unlabelled(labelled=[1])
    assert set(losses(config_of(teacher, unlabelled=False), batch)[1]) == {"seg.loss_ce", "seg.loss_lovasz", "distil.seg.logits"}


def test_the_teachers_equal_has_nothing_to_learn(teacher):
    config = config_of(teacher, features={"neck.levels.1": 1.0}, channel_weight=1.0)
    _, terms, criterion, _ = losses(config, unlabelled(), save_teacher(teacher, config_values(teacher.parent)))
    assert {"distil.neck.levels.1", "distil.seg.logits_channels"} <= set(terms)
    assert all(value == pytest.approx(0, abs=1e-4) for value in terms.values())
    assert not list(criterion.parameters())
    assert not criterion.state_dict()


def test_weights_of_tasks_and_outputs_scale_the_sum_and_leave_the_terms(teacher):
    _, ones, _, _ = losses(config_of(teacher), unlabelled())
    total, terms, _, _ = losses(config_of(teacher, weight=0.5, outputs={"seg": 3.0}), unlabelled())
    assert terms == {"distil.seg.logits": pytest.approx(ones["distil.seg.logits"])}
    assert float(total.detach()) == pytest.approx(1.5 * ones["distil.seg.logits"])
    _, terms, _, _ = losses(config_of(teacher, outputs={"det": 1.0, **{f"det.box_s{s}": 0.0 for s in (8, 16, 32)}}), unlabelled())
    assert terms == {"distil.det.cls": pytest.approx(ones["distil.det.cls"]), "distil.det.box": 0.0}


def test_a_wider_teacher_is_met_by_a_projection_that_learns(teacher):
    values = config_values(teacher.parent)
    values["nodes"]["backbone"]["width"] = 0.5
    save_teacher(teacher, values)
    config = config_of(teacher, features={"backbone.stages.2": 1.0})
    _, terms, criterion, student = losses(config, unlabelled())
    assert 0 < terms["distil.backbone.stages.2"] <= 2
    (projection,) = criterion.parameters()
    assert projection.shape == (64, 32, 1, 1)
    assert float(projection.grad.abs().sum()) > 0
    assert list(criterion.state_dict()) == ["distiller.projections.backbone/stages/2.weight"]  # and not the teacher
    assert float(student.nodes["backbone"].stem.conv.weight.grad.abs().sum()) > 0
    assert all(p.grad is None for p in criterion.distiller.teacher.parameters())


def test_the_network_is_left_as_it_was(teacher):
    student = losses(config_of(teacher, features={"neck.levels.1": 1.0}), unlabelled())[-1]
    assert not any(module._forward_hooks for module in student.modules())


@pytest.mark.parametrize(("distillation", "message"), [
    ({"outputs": {"segg": 1.0}}, "distillation.outputs.segg: no task or output has this name; did you mean 'seg'?"),
    ({"outputs": {"det.box_s9": 1.0}}, "did you mean 'det.box_s8'?"),
    ({"features": {"neck.level.1": 1.0}}, "no such layer or block; did you mean 'neck.levels.1'?"),
    ({"features": {"neck": 1.0}}, "its result is not a feature map"),
    ({"outputs": {"seg": -1.0}}, "distillation: outputs.seg=-1.0: expected a number of 0 or more"),
    ({"outputs": {"seg": 0.0}}, "name nothing to learn"),
    ({"temperature": 0.0}, "distillation: temperature=0.0"),
    ({"temprature": 2.0}, "did you mean 'temperature'?"),
])
def test_mistakes_are_named(teacher, distillation, message):
    with pytest.raises(UserError, match=re.escape(message)):
        build_distiller(config_of(teacher, **distillation), CPU)


def test_the_teacher_of_other_tasks_is_refused(teacher):
    save_teacher(teacher, config_values(teacher.parent, ["seg"]))
    with pytest.raises(UserError, match=r"teacher.pt: a teacher without 'det.cls_s8'.*distillation.outputs"):
        build_distiller(config_of(teacher), CPU)
    assert build_distiller(config_of(teacher, outputs={"seg": 1.0}), CPU).kinds == {"seg": "segmentation"}
    values = config_values(teacher.parent)
    values["tasks"]["seg"]["classes"] = ["one", "two"]
    save_teacher(teacher, values)
    with pytest.raises(UserError, match="'seg.logits' has 2 channels at 16x24, this config's 3 at 16x24"):
        build_distiller(config_of(teacher), CPU)


@pytest.mark.parametrize("order", [["c1", "c0", "c2"], ["c0", "c1", "other"]])
def test_a_teacher_of_other_classes_is_refused(teacher, order):
    values = config_values(teacher.parent)
    values["tasks"]["seg"]["classes"] = ["c0", "c1", "c2"]
    save_teacher(teacher, {**values, "tasks": {**values["tasks"], "seg": {**values["tasks"]["seg"], "classes": order}}})
    own = config_from_dict({**values, "distillation": {"teacher": str(teacher)}})
    with pytest.raises(UserError, match=rf"the teacher's classes of 'seg' are {', '.join(order)}, this config's c0, c1, c2"):
        build_distiller(own, CPU)


def test_label_maps_may_have_another_stride_than_the_teachers():
    spec = Distillation(teacher="t.pt", channel_weight=1.0)
    fine = torch.randn(2, 3, 8, 12, generator=torch.Generator().manual_seed(0))
    coarse = torch.randn(2, 3, 4, 6, generator=torch.Generator().manual_seed(1))
    enlarged = torch.nn.functional.interpolate(coarse, scale_factor=2, mode="bilinear", align_corners=False)
    for pair, same in (((coarse, fine), (enlarged, fine)), ((fine, coarse), (fine, enlarged))):
        found, wanted = (DISTANCES["segmentation"]({"logits": student}, {"logits": teacher}, {"logits": 1.0}, spec)
                         for student, teacher in (pair, same))
        assert [float(value) for _, value in found.values()] == [float(value) for _, value in wanted.values()]
        assert set(found) == {"logits", "logits_channels"}


def test_a_teacher_that_decides_at_another_stride_teaches(teacher):
    values = config_values(teacher.parent, ["seg"])
    coarse = {"name": "seg_head", "type": "FCNHead", "inputs": ["backbone.mod3"], "channels": 16}
    values["tasks"]["seg"].update(nodes=["backbone", coarse], labels={"stride": 8, "upsample": 8})
    values["nodes"] = {"backbone": values["nodes"]["backbone"]}
    save_teacher(teacher, values)
    _, terms, _, student = losses(config_of(teacher, ["seg"]), unlabelled())
    assert set(terms) == {"distil.seg.logits"}
    assert terms["distil.seg.logits"] > 0
    assert float(student.nodes["backbone"].stem.conv.weight.grad.abs().sum()) > 0


@pytest.mark.parametrize("geometry", ["deploy_geometry", "train_geometry"])
def test_a_teacher_that_cannot_read_the_students_images_is_told(teacher, geometry):
    """The student's stride is 8, the teacher's 32."""
    values = config_values(teacher.parent, ["seg"], distillation={"teacher": str(teacher)})
    head = {"name": "seg_head", "type": "FCNHead", "inputs": ["backbone.features.6"], "channels": 16}
    values["nodes"] = {"backbone": {"type": "Torchvision", "name": "mobilenet_v2", "features": ["features.3", "features.6"]}}
    values["tasks"]["seg"].update(nodes=["backbone", head], labels={"stride": 8, "upsample": 8})
    del values["int_inference_export_input_shape"]
    values[geometry] |= {"resized_hw": [56, 88], "input_hw": [56, 88]} if geometry == "deploy_geometry" else {"crop_hw": [56, 88]}
    with pytest.raises(UserError, match=r"teacher\.pt: a teacher that cannot read images of 56x88: "):
        build_distiller(config_from_dict(values), CPU)


def test_a_config_without_a_teacher_has_no_distiller(tmp_path):
    assert build_distiller(config_from_dict(config_values(tmp_path)), CPU) is None


def test_a_class_of_the_image_is_learnt_as_a_distribution():
    spec = Distillation(teacher="t.pt", temperature=2.0, channel_weight=1.0)
    student, teacher = (torch.randn(3, 4, 1, 1, generator=torch.Generator().manual_seed(seed)) for seed in (0, 1))
    found = DISTANCES["classification"]({"logits": student}, {"logits": teacher}, {"logits": 0.5}, spec)
    assert list(found) == ["logits"], "there are no channels of one pixel to compare"
    weight, value = found["logits"]
    logs = [(logits.flatten(1) / 2.0).log_softmax(1) for logits in (teacher, student)]
    assert weight == 0.5
    assert float(value) == pytest.approx(4 * float((logs[0].exp() * (logs[0] - logs[1])).sum(1).mean()), rel=1e-5)
    assert float(DISTANCES["classification"]({"logits": teacher}, {"logits": teacher}, {"logits": 1.0}, spec)["logits"][1]) == 0
