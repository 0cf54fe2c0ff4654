import argparse

import pytest

from mtzoo.cli.data import parse_size
from mtzoo.cli.main import main


def test_size_is_height_by_width():
    assert parse_size("720x1280") == (720, 1280)
    for text in ("720", "x5", "0x5", "axb", "-1x5"):
        with pytest.raises(argparse.ArgumentTypeError, match="height x width"):
            parse_size(text)


def test_nothing_is_overwritten(tmp_path, capsys):
    (tmp_path / "mine.txt").touch()
    assert main(["data", "synth", "--out", str(tmp_path), "--num", "1", "--seed", "0"]) == 2
    assert "not empty" in capsys.readouterr().err


def test_bad_counts(tmp_path, capsys):
    assert main(["data", "synth", "--out", str(tmp_path / "new"), "--num", "0", "--seed", "0"]) == 2
    assert "--num 0" in capsys.readouterr().err
