import pytest

from mtzoo.cli.main import main


@pytest.fixture(autouse=True)
def _wide(monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")


def rows(text):
    """First cell -> cells of the table's rows."""
    cells = [[cell.strip() for cell in line.strip("│┃ \n").split("│")] for line in text.splitlines() if "│" in line]
    return {row[0]: row for row in cells if row[0]}


def test_nodes_costs_and_who_shares_what(capsys):
    assert main(["summary", "4pe_resize/multitask"]) == 0
    out = capsys.readouterr().out
    table = rows(out)
    assert list(table)[:3] == ["backbone", "neck", "det_cyclist_light_head"]
    assert table["backbone"][1:6] == ["VarGNetV2", "image", "all", "748,848", "1208.6"]
    assert table["neck"][2:6] == ["backbone", "all", "109,984", "684.2"]
    assert table["seg_lane_head"][3] == "seg_lane"
    assert "4pe_resize/multitask at 512x960" in out
    assert f"shared by several tasks: {748_848 + 109_984:,} parameters" in out
    shares = [float(row[-1].removesuffix(" %")) for name, row in table.items() if name != "total"]
    assert sum(shares) == pytest.approx(100, abs=0.5)


def test_one_task_shares_nothing(capsys):
    assert main(["summary", "4pe_resize/multitask", "--tasks", "seg_lane"]) == 0
    out = capsys.readouterr().out
    assert "det_" not in out
    assert "shared by several tasks: 0 parameters" in out


def test_a_network_that_cannot_be_built_is_one_line(capsys):
    assert main(["summary", "4pe_resize/seg_lane", "--cfg-options", "nodes.backbone.width=3"]) == 2
    err = capsys.readouterr().err
    assert "node 'backbone': width=3" in err
    assert err.count("\n") == 1


def test_what_an_auxiliary_head_adds_is_told_and_counted_nowhere_else(capsys):
    node = {"name": "seg_lane_aux", "type": "DenseSegmentationHead", "inputs": ["backbone.mod4"], "strides": [16]}
    assert main(["summary", "4pe_resize/seg_lane"]) == 0
    plain = capsys.readouterr().out
    assert main(["summary", "4pe_resize/seg_lane", "--cfg-options", f"tasks.seg_lane.auxiliary={[{'node': node}]}"]) == 0
    lines = capsys.readouterr().out.splitlines(keepends=True)
    assert "".join(lines[:-1]) == plain
    assert lines[-1] == ("training in float adds: seg_lane_aux (DenseSegmentationHead, reads backbone.mod4) for seg_lane, weight 0.4: "
                         "20,676 parameters, 38.6 MMAC\n")


def test_figures_stay_whole_in_80_columns(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    assert main(["summary", "4pe_resize/multitask"]) == 0
    out = capsys.readouterr().out
    assert "│  1,197,765 │ 3047.0 │" in out
    assert "…" not in out
    assert max(len(line) for line in out.splitlines() if line.startswith(("│", "┃"))) <= 80
