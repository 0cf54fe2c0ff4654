"""Options that change nothing beside the others are told."""

import pytest

from mtzoo.cli import main as cli
from mtzoo.cli.idle import note_idle
from mtzoo.cli.main import import_verb, verb_parser
from mtzoo.cli.parser import Parser


def test_those_that_were_given_are_told(capsys):
    parser = Parser()
    parser.add_argument("--batch-size", type=int, default=2)
    parser.add_argument("--workers", type=int, default=1)
    note_idle(parser.parse_args(["--batch_size=2"]), "nothing is trained", "--batch-size", "--workers")
    assert capsys.readouterr().err == "--batch-size: changes nothing; nothing is trained\n"


def test_the_options_of_a_subverb_are_known_to_be_given():
    args = verb_parser("data", import_verb("data")).parse_args(["synth", "--out", "x", "--num_images", "1", "--seed", "0"])
    assert args.given == {"--out", "--num-images", "--seed"}


@pytest.mark.parametrize(("arguments", "told"), [
    (["hardware", "--runs", "5", "--threads", "2"], ["--runs: changes nothing; it goes with --check",
                                                     "--threads: changes nothing; it goes with --check"]),
    (["hardware"], []),
])
def test_a_verb_tells_them(arguments, told, capsys):
    assert cli.main(arguments) == 0
    assert capsys.readouterr().err.splitlines() == told
