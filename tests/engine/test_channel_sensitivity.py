import math
import threading
from copy import deepcopy

import pytest
import torch

from mtzoo.compression import channel_groups, weight_scores
from mtzoo.engine.channel_sensitivity import (
    Point,
    Score,
    measure_from_scratch,
    measure_original,
    measure_points,
    points_of,
)
from mtzoo.engine.channel_sensitivity_table import (
    Measured,
    Origin,
    SensitivityTable,
    load_table,
    new_table,
    sensitivity_rows,
)
from mtzoo.engine.ptq import fold_all
from mtzoo.errors import UserError
from mtzoo.graph import read_program
from mtzoo.structures import flatten_outputs
from tests.cli.ptq_helpers import write_checkpoint, write_own_masks
from tests.tiny import tiny_config, write_images

ORIGIN = Origin("abc", ("det", "seg"), "l2", 4)
A_FEW_PIXELS = 0.05
"""Points of mIoU. Without AVX-512 a narrower convolution adds in another order, and a pixel between two classes changes sides."""


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """(config, folded network whose own answers are the masks, groups by name)."""
    folder = tmp_path_factory.mktemp("sensitivity")
    config = tiny_config(write_images(folder / "data"))
    net = write_checkpoint(folder / "float.pt", config)
    write_own_masks(net, config)
    groups = channel_groups(read_program(net), weight_scores(net, "l2"), align=4)
    return config, fold_all(net, config), {group.name: group for group in groups}


def test_equal_to_evaluating_each_pruned_network_by_itself(world):
    config, folded, groups = world
    original = measure_original(config, folded, None)
    assert original["seg"] > 99
    points = points_of(list(groups.values()), [0.5])
    chosen = points[::6]
    shown = []
    found = measure_points(config, folded, groups, chosen, original, on_batch=lambda results: shown.append(len(results)))
    assert len(shown) == 2  # batches of 4 and 2: one pass for all points
    for point in chosen:
        assert found[point] == pytest.approx(measure_from_scratch(config, folded, groups, point, None), abs=A_FEW_PIXELS, nan_ok=True)
    seg = [metrics["seg"] for metrics in found.values()]
    assert max(seg) - min(seg) > 20 * A_FEW_PIXELS
    limited = measure_points(config, folded, groups, chosen[:1], original, limit=4)
    alone = measure_from_scratch(config, folded, groups, chosen[0], 4)
    assert limited[chosen[0]] == pytest.approx(alone, abs=A_FEW_PIXELS, nan_ok=True)


def test_another_device_runs_the_points_one_after_another(world, monkeypatch):
    """The meta device computes shapes alone; images or layers left on the CPU would be an error there as on a GPU."""
    config, folded, groups = world
    devices, threads = set(), set()

    def look(score, outputs, samples, counts):
        devices.update(value.device.type for value in flatten_outputs(outputs).values())
        threads.add(threading.get_ident())

    monkeypatch.setattr(Score, "add", look)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 3)
    points = points_of(list(groups.values()), [0.5])[::6]
    assert measure_points(config, deepcopy(folded).to("meta"), groups, points, {}).keys() == set(points)
    assert devices == {"meta"}
    assert len(threads) == 1


def test_points_are_what_a_ratio_lets_go(world):
    _, _, groups = world
    points = points_of(list(groups.values()), [0.01, 0.5, 0.51])
    assert len(points) == len(set(points))
    for point in points:
        group = groups[point.group]
        assert point.count in group.counts
        assert 0 < 1 - point.count / len(group.units) <= 0.51 or group.kind == "block"
    blocks = [Point(name, 0) for name, group in groups.items() if group.kind == "block"]
    assert len(blocks) > 3
    assert points_of(list(groups.values()), [0.001]) == blocks


def table() -> SensitivityTable:
    made = new_table(ORIGIN, {"det": 50.0, "seg": math.nan})
    made.points = [Measured("a", 6, 8, {"det": 49.5, "seg": None}), Measured("a", 4, 8, {"det": 48.0, "seg": None}),
                   Measured("b", 1, 2, {"det": 40.0, "seg": None}), Measured("c", 1, 2, {"det": 51.0, "seg": None})]
    return made


def test_limits_are_the_largest_step_that_every_task_bears():
    assert table().limits(0.5) == {"a": 6, "c": 1}
    assert table().limits(2) == {"a": 4, "c": 1}
    assert table().limits(99) == {"a": 4, "b": 1, "c": 1}
    assert table().missing([Point("a", 6), Point("a", 2)]) == [Point("a", 2)]


def test_no_loss_is_no_minus():
    made = new_table(ORIGIN, {"det": 50.0})
    made.points = [Measured("a", 6, 8, {"det": 50.004}), Measured("b", 6, 8, {"det": 50.5})]
    assert list(sensitivity_rows(made).columns[2].cells) == ["0.00", "-0.50"]


def test_a_table_is_kept_and_refused_where_it_does_not_belong(tmp_path):
    path = tmp_path / "t.json"
    table().save(path)
    again = load_table(path, ORIGIN, same_images=True)
    assert again == table()
    other = Origin("abc", ("det", "seg"), "l2", 4, limit=5)
    assert load_table(path, other, same_images=False).points == table().points
    with pytest.raises(UserError, match="another 'limit'"):
        load_table(path, other, same_images=True)
    with pytest.raises(UserError, match="another network: another 'checkpoint'"):
        load_table(path, Origin("xyz", ("det", "seg"), "l2", 4), same_images=False)
    with pytest.raises(UserError, match=r"another 'importance' \(l2\)"):
        load_table(path, Origin("abc", ("det", "seg"), "taylor", 4), same_images=False)
    for content in ("[]", "{}", '{"made_for": 1, "original": {}, "points": []}', '{"made_for'):
        path.write_text(content)
        with pytest.raises(UserError, match="t.json"):
            load_table(path, ORIGIN, same_images=False)
    damaged = table()
    damaged.save(path)
    path.write_text(path.read_text().replace('"count": 6', '"count": 9'))
    with pytest.raises(UserError, match=r"t.json.*count=9"):
        load_table(path, ORIGIN, same_images=False)


def test_the_shared_run_is_exact_also_with_several_threads(world):
    """Threads split a convolution's work, not its sums."""
    config, folded, groups = world
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        point = points_of(list(groups.values()), [0.5])[0]
        original = measure_original(config, folded, 2)
        assert measure_points(config, folded, groups, [point], original, 2)[point] == pytest.approx(
            measure_from_scratch(config, folded, groups, point, 2), abs=0, nan_ok=True)
    finally:
        torch.set_num_threads(before)
