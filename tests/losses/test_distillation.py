import math

import pytest
import torch

from mtzoo.losses.distillation import channel_divergence, detection_distances, feature_distance, pixel_divergence

ONES = {f"{kind}_s{stride}": 1.0 for kind in ("cls", "box") for stride in (8, 16)}


def maps(seed=0, images=2):
    """A detection task's outputs of a 32x32 image, 2 classes."""
    make = torch.Generator().manual_seed(seed)
    sizes = {"cls_s8": (2, 4, 4), "box_s8": (4, 4, 4), "cls_s16": (2, 2, 2), "box_s16": (4, 2, 2)}
    return {name: torch.randn(images, *size, generator=make) for name, size in sizes.items()}


def logits(seed):
    return torch.randn(2, 3, 4, 6, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("loss", [lambda s, t: pixel_divergence(s, t, 2.0), channel_divergence, feature_distance])
def test_a_map_is_learnt_down_to_zero(loss):
    teacher, student = logits(0), logits(1).requires_grad_()
    assert float(loss(teacher, teacher)) == pytest.approx(0, abs=1e-6)
    before = loss(student, teacher)
    before.backward()
    moved = student.detach() - 0.1 * student.grad / student.grad.norm()
    assert float(loss(moved, teacher)) < float(before.detach())


def test_pixels_diverge_by_the_textbook():
    teacher = torch.tensor([0.0, math.log(3.0)]).view(1, 2, 1, 1)  # 1/4 and 3/4
    expected = 0.25 * math.log(0.25 / 0.5) + 0.75 * math.log(0.75 / 0.5)
    assert float(pixel_divergence(torch.zeros(1, 2, 1, 1), teacher, 1.0)) == pytest.approx(expected)
    assert float(pixel_divergence(torch.zeros(1, 2, 5, 7), teacher.expand(1, 2, 5, 7), 1.0)) == pytest.approx(expected)
    assert float(pixel_divergence(torch.zeros(1, 2, 1, 1), 3 * teacher, 3.0)) == pytest.approx(9 * expected)


def test_a_channel_is_where_it_lies_and_not_how_much_it_is():
    teacher = logits(0)
    assert float(channel_divergence(teacher + 5.0, teacher)) == pytest.approx(0, abs=1e-6)
    assert float(channel_divergence(teacher.flip(3), teacher)) > 0.01
    assert float(feature_distance(3.0 * teacher + 5.0, teacher)) == pytest.approx(0, abs=1e-4)
    assert float(feature_distance(-teacher, teacher)) == pytest.approx(2.0, abs=1e-3)  # correlation -1


def test_boxes_and_scores_are_learnt_down_to_zero():
    teacher = maps()
    assert all(float(v) == pytest.approx(0, abs=1e-5) for v in detection_distances(teacher, teacher, ONES).values())
    student = {name: value.requires_grad_() for name, value in maps(1).items()}
    before = detection_distances(student, teacher, ONES)
    sum(before.values()).backward()
    moved = {name: value.detach() - 0.1 * value.grad for name, value in student.items()}
    after = detection_distances(moved, teacher, ONES)
    assert all(float(after[name]) < float(before[name].detach()) for name in ("cls", "box"))


def test_boxes_count_where_the_teacher_is_sure():
    teacher = {name: torch.full_like(value, -9.0) if name.startswith("cls") else value for name, value in maps().items()}
    teacher["cls_s8"][0, 1, 2, 3] = 9.0
    student = {name: value.requires_grad_() for name, value in maps(1).items()}
    detection_distances(student, teacher, ONES)["box"].backward()
    gradient = student["box_s8"].grad.abs().sum(dim=1)
    assert float(gradient[0, 2, 3]) > 1e5 * float(gradient.sum() - gradient[0, 2, 3])


def test_an_output_of_weight_zero_is_left_alone():
    student = {name: value.requires_grad_() for name, value in maps(1).items()}
    sum(detection_distances(student, maps(), {**ONES, "box_s8": 0.0, "cls_s16": 0.0}).values()).backward()
    moved = {name for name, value in student.items() if float(value.grad.abs().sum()) > 0}
    assert moved == {"cls_s8", "box_s16"}


def test_background_that_both_see_costs_nothing_however_many_cells():
    """The sum over cells is divided by what the teacher is sure of, not by their number."""
    teacher = {name: torch.full_like(value, -6.0) if name.startswith("cls") else value for name, value in maps().items()}
    student = {name: value + 0.5 if name.startswith("cls") else value for name, value in teacher.items()}
    assert float(detection_distances(student, teacher, ONES)["cls"]) < 1e-5
