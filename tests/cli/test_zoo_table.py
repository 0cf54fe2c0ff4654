from dataclasses import replace

import pytest

from mtzoo.cli.main import main
from mtzoo.cli.zoo_table_text import markdown
from mtzoo.engine.row_record import load_rows, save_rows
from mtzoo.recipes.zoo_row import Measuring, PrunedRow, ZooRow
from mtzoo.recipes.zoo_table import is_done

ROW = ZooRow("zoo/fastscnn", (512, 1024), 1_396_307, 1_806_000_000, 1, 1000, {"integer": 0, "onnxruntime": 0, "openvino": 0},
             "a machine", 1, {"openvino fp32": 40.0, "openvino int8": 10.0},
             {"0.3": PrunedRow(1_000_000, 1_000_000_000, {"openvino fp32": 28.0, "openvino int8": 7.0},
                               {"openvino fp32": 40.0, "openvino int8": 10.0})})


def test_a_row_says_what_was_measured_beside_what_was_published():
    head, _, row, _, machine = markdown([ROW]).splitlines()
    cells = dict(zip((cell.strip() for cell in head.split("|")), (cell.strip() for cell in row.split("|"))))
    assert cells["config"] == "zoo/fastscnn"
    assert cells["input"] == "512x1024"
    assert (cells["M parameters"], cells["GMAC"]) == ("1.40", "1.81")
    assert cells["differing values"] == "0 of 1,000, 1 layers in parts"
    assert cells["int8 / fp32"] == "0.25"
    assert cells["pruned 0.3: fp32, int8"] == "-30 %, -30 % (published -20 %)"
    assert machine == "Latency: median of interleaved rounds, a machine; 1 thread, batch 1, weights of 8 bits."


def test_differing_values_are_named_with_their_executor():
    row = ZooRow("zoo/unet", (64, 128), 1, 1, values=1000, differing={"integer": 0, "openvino": 7})
    assert "| openvino 7 of 1,000 |" in markdown([row])


@pytest.mark.slow
def test_a_network_is_measured_once_and_then_read_from_the_record(tmp_path, capsys):
    record, out = tmp_path / "zoo.json", tmp_path / "zoo.md"
    command = ["zoo-table", "--names", "zoo/pp_humanseg_lite", "--size", "32x64", "--check", "--bench", "--runs", "1",
               "--weight-bits", "7", "--record", str(record), "--out", str(out)]
    assert main(command) == 0
    (row,) = load_rows(record, ZooRow, "zoo-table")
    assert row.values > 32 * 64
    assert row.weight_bits == 7
    assert not any(row.differing.values())
    assert set(row.latency_ms) >= {"openvino fp32", "openvino int8", "openvino bf16", "onnxruntime fp32", "torch fp32"}
    assert out.read_text() == markdown([row])
    capsys.readouterr()
    assert main(command) == 0
    printed, told = capsys.readouterr()
    assert "quantizing" not in told
    assert printed.splitlines()[0].startswith("| config | input |")


@pytest.mark.parametrize(("options", "why"), [
    (["--names", "zoo/nothing*"], "--names zoo/nothing*: no shipped config has this name"),
    (["--size", "512"], "--size 512: expected height x width"),
    (["--ratios", "0.3"], "--ratios: pruned networks are only measured with --bench"),
    (["--bench", "--ratios", "0.3", "2"], "--ratios 2: the share of the latency to remove, between 0 and 1"),
    (["--bench", "--ratios", "nan"], "--ratios nan: the share of the latency to remove, between 0 and 1"),
])
def test_what_cannot_be_is_one_line(options, why, capsys):
    assert main(["zoo-table", *options]) == 2
    err = capsys.readouterr().err
    assert err.startswith(f"error: {why}")
    assert err.count("\n") == 1


def test_a_second_run_keeps_what_the_first_has_found():
    checked = ZooRow("zoo/fastscnn", (64, 128), 1, 2, values=7, differing={"openvino": 0})
    timed = ZooRow("zoo/fastscnn", (64, 128), 1, 2, machine="m", threads=1, latency_ms={"openvino int8": 2.0},
                   pruned={"0.1": ROW.pruned["0.3"]})
    both = timed.beside(checked)
    assert (both.values, both.latency_ms) == (7, timed.latency_ms)
    assert checked.beside(timed) == both
    more = ZooRow("zoo/fastscnn", (64, 128), 1, 2, machine="m", threads=1, latency_ms={"openvino int8": 3.0}, pruned=ROW.pruned)
    assert set(more.beside(both).pruned) == {"0.1", "0.3"}
    assert set(replace(more, threads=2).beside(both).pruned) == {"0.3"}


def test_a_ratio_that_pruning_cannot_reach_is_kept_and_not_tried_again(tmp_path):
    save_rows(tmp_path / "zoo.json", [replace(ROW, pruned={**ROW.pruned, "0.9": None})])
    (row,) = load_rows(tmp_path / "zoo.json", ZooRow, "zoo-table")
    assert row.pruned == {**ROW.pruned, "0.9": None}
    assert is_done(row, Measuring(1, 10, check=True, ratios=[0.3, 0.9]))
    assert "| -30 %, -30 % (published -20 %) | out of reach |" in markdown([row])


def test_another_number_of_threads_is_measured_anew():
    assert is_done(ROW, Measuring(1, 10, check=True, ratios=[0.3]))
    assert not is_done(ROW, Measuring(2, 10, check=True, ratios=[0.3]))
    assert not is_done(ROW, Measuring(1, 10, check=True, ratios=[0.2]))
    assert not is_done(None, Measuring(1, 0, check=False))
