"""tools/zoo_results.py: what a set of trainings leaves, in few files."""

import os
import tarfile

import pytest


@pytest.fixture
def tool(load_tool):
    return load_tool("zoo_results")


def write(path, size, age=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bytes(size))
    os.utime(path, (1e9 - age, 1e9 - age))
    return path


def test_results_and_the_newest_checkpoint_of_what_is_not_through(tool, tmp_path):
    done = write(tmp_path / "a" / "with-bn-float-last.pt", 10)
    write(tmp_path / "a" / "with-bn-0009.pt", 10, age=5)
    write(tmp_path / "b" / "with-bn-0001.pt", 10, age=9)
    newest = write(tmp_path / "b" / "with-bn-0002.pt", 10, age=1)
    model = write(tmp_path / "a" / "int-inference-export-last.onnx", 10)
    assert tool.kept_files(tmp_path) == [model, done, newest]


def test_every_file_is_in_one_tar_or_told(tool, tmp_path):
    paths = [write(tmp_path / f"{i}", size) for i, size in enumerate((6, 6, 3, 4, 11, 1))]
    bins, left = tool.into_bins(paths, 10)
    assert [[path.name for path in row] for row in bins] == [["0", "2", "5"], ["1", "3"]]
    assert [path.name for path in left] == ["4"]
    bins, left = tool.into_bins([write(tmp_path / f"x{i}", 10) for i in range(9)], 10)
    assert (len(bins), len(left)) == (tool.MOST_TARS, 2)


def test_records_are_packed_and_a_log_that_is_too_large_is_told(tool, tmp_path):
    write(tmp_path / "runs" / "a.log", 10)
    write(tmp_path / "runs" / "b.log", tool.MAX_RECORD_BYTES)
    write(tmp_path / "runs" / "a" / "with-bn-float-last.pt", 10)
    assert tool.pack(tmp_path / "runs", tmp_path / "out", 1.0) == ["left out: b.log, 1.0 MB"]
    with tarfile.open(tmp_path / "out" / "logs.tar.gz") as tar:
        assert tar.getnames() == ["a.log"]
