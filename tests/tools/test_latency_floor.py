
import pytest
from torch import nn

from mtzoo.compression.latency import CONV, Operator


@pytest.fixture
def tool(load_tool):
    return load_tool("latency_floor")


def operator(conv, made):
    return Operator(CONV, 2 * made, made, conv)


@pytest.mark.parametrize(("groups", "inputs"), [(1, 32), (4, 16), (2, 16), (32, 1)])
def test_groups_count_as_they_run(tool, groups, inputs):
    assert tool.joined_macs(operator(nn.Conv2d(32, 32, 3, groups=groups), 32 * 100)) == 3200 * inputs * 9


def test_kinds(tool):
    assert tool.kind_name(operator(nn.Conv2d(32, 32, 3, groups=4), 1)) == "3x3 group"
    assert tool.kind_name(operator(nn.Conv2d(3, 32, 4, stride=4), 1)) == "4x4 dense"


@pytest.mark.slow
def test_a_table_of_a_shipped_config(tool):
    lines = tool.table("4pe_fast/seg_lane").splitlines()
    assert lines[0] == "4pe_fast/seg_lane"
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[4:]]
    rows = {name: [float(value) for value in values] for name, *values in cells}
    _, gmac, products, moved, results, together = rows["all"]
    assert together == pytest.approx(products + moved + results, abs=0.011)
    assert rows["move"][2] == rows["move"][4] == 0
    assert products == pytest.approx(gmac / 2.464, abs=0.011)
