"""Every verb's parser is held to the table of names."""

import argparse
from collections import defaultdict
from pathlib import Path

import pytest

from mtzoo.cli.main import discover_verbs, import_verb, main, verb_parser
from mtzoo.cli.option_names import NAMES, main_name
from mtzoo.cli.other_names import Idle
from mtzoo.cli.parser import Parser

OTHER_NAMES = {other for name in NAMES.values() for other in name.others} - set(NAMES)
DIFFER = {"--out", "--images", "--ctx", "--checkpoint", "--weight-bits"}
"""Options that take a folder or a file, one or several of a thing, or fewer of the values, from verb to verb."""


def parsers():
    """(verb, parser) of every verb and sub-verb."""
    waiting = [(verb, verb_parser(verb, import_verb(verb))) for verb in discover_verbs()]
    for verb, parser in waiting:
        yield verb, parser
        for action in parser._actions:
            if isinstance(action, argparse._SubParsersAction):
                waiting += [(f"{verb} {name}", choice) for name, choice in action.choices.items()]


def options():
    """(verb, parser, option, action) of every long option that does something."""
    for verb, parser in parsers():
        for action in parser._actions:
            for option in action.option_strings:
                if option.startswith("--") and not isinstance(action, Idle):
                    yield verb, parser, option, action


def test_a_verb_has_main_names_alone():
    assert not {(verb, option) for verb, _, option, _ in options() if option in OTHER_NAMES}


def test_a_name_has_the_same_kind_of_value_everywhere():
    kinds = defaultdict(set)
    for verb, _, option, action in options():
        if option in NAMES:
            assert action.metavar in NAMES[option].metavars, (verb, option)
        elif option not in DIFFER and action.help != argparse.SUPPRESS:
            kinds[option].add((action.nargs, action.metavar, None if action.choices is None else tuple(action.choices)))
    assert {option: found for option, found in kinds.items() if len(found) > 1} == {}


def test_other_names_are_taken_by_every_verb():
    taken = defaultdict(set)
    for verb, parser, option, _ in options():
        for other in NAMES[option].others if option in NAMES else ():
            if main_name(other, parser._option_string_actions) == option:
                assert parser.with_main_names([other, other.replace("-", "_")[2:].join(("--", "=x")), "--", other]) == [
                    option, f"{option}=x", "--", other]
                taken[other].add(verb)
    assert {"train", "ptq", "prune", "compress"} <= taken["--save-dir"]
    assert {"ptq", "prune"} <= taken["--model-path"]
    assert "bench-data" in taken["--images"]
    assert set(taken) >= OTHER_NAMES


@pytest.fixture
def parser():
    parser = Parser(prog="mtzoo verb")
    parser.add_subject("--config", metavar="CONFIG", help="a config")
    parser.add_argument("--limit", type=int)
    return parser


@pytest.mark.parametrize(("typed", "given"), [
    (["a", "--limit", "3"], {"--limit"}), (["--limit", "3", "a"], {"--limit"}),
    (["--config", "a", "--limit", "3"], {"--config", "--limit"}), (["--cfg=a", "--limit", "3"], {"--config", "--limit"})])
def test_the_subject_needs_no_name(parser, typed, given):
    assert vars(parser.parse_args(typed)) == {"config": "a", "limit": 3, "quiet": False, "given": given}


@pytest.mark.parametrize(("typed", "said"), [
    ([], "--config CONFIG is missing: a config file"), (["a", "b"], "unrecognized arguments: b"),
    (["--config", "a", "b"], "--config a: the config is there already: b; keep one of them")])
def test_a_subject_that_is_missing_or_there_twice_is_told(parser, capsys, typed, said):
    with pytest.raises(SystemExit):
        parser.parse_args(typed)
    assert said in capsys.readouterr().err


def test_help_shows_main_names_alone():
    for _, parser in parsers():
        text = parser.format_help()
        assert not [other for other in OTHER_NAMES if f"{other} " in text or f"{other}," in text]


def test_the_docs_list_all_other_names():
    text = (Path(__file__).resolve().parents[2] / "docs" / "from_paddle.md").read_text()
    for main_option, name in NAMES.items():
        if name.others:
            assert f"| `{main_option}` | {', '.join(f'`{other}`' for other in name.others)} |\n" in text


def test_eval_says_that_a_checkpoint_brings_its_config(capsys, tmp_path):
    assert main(["eval", "--config", "zoo/seg_camvid", "--checkpoint", str(tmp_path / "gone.pt")]) == 2
    err = capsys.readouterr().err
    assert "--config: changes nothing; a checkpoint brings its config along" in err
    assert "gone.pt" in err


@pytest.mark.parametrize("verb", ["eval", "export"])
def test_a_checkpoint_verb_takes_several_patterns_of_layers_in_float(verb, capsys):
    assert main([verb, "gone.pt", "--not_quant_pattern", "head", "neck"]) == 2
    assert capsys.readouterr().err == ("--not-quant-pattern: changes nothing; a checkpoint says which of its layers are in float\n"
                                       "error: gone.pt: no such checkpoint\n")
