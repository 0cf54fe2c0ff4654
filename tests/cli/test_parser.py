"""Options by the names of other toolkits: with underscores, of every verb; PaddleSeg's own; and what is told or refused of them."""

import argparse

import pytest

from mtzoo.cli.arguments import config_from_arguments, with_float_layers
from mtzoo.cli.main import discover_verbs, import_verb, main, verb_parser
from mtzoo.cli.parser import Parser
from mtzoo.config.parts import whole
from mtzoo.errors import UserError
from tests.tiny import config_values, write_config, write_images

VALUES = ("1", "8", "0.5", "a=1", "64x96", "new", "2:4")


def parsers_of(verb):
    """The verb's parser and those of its sub-verbs, with nothing required."""
    waiting = [verb_parser(verb, import_verb(verb))]
    for parser in waiting:
        parser.subject_required = False
        for action in parser._actions:
            action.required = False
            if isinstance(action, argparse._SubParsersAction):
                waiting += action.choices.values()
            elif not action.option_strings:
                action.nargs = "?"
    return waiting


def value_of(parser, action):
    """What the option can be given: nothing, one of its choices, or the first of VALUES that its type takes."""
    if action.nargs == 0 or isinstance(action, argparse.BooleanOptionalAction):
        return []
    if action.choices:
        return [str(next(iter(action.choices)))]
    count = action.nargs if isinstance(action.nargs, int) else 1
    for value in VALUES:
        try:
            parser._get_values(action, [value] * count)
        except (UserError, argparse.ArgumentError):
            continue
        return [value] * count
    raise AssertionError(f"{action.option_strings}: no value fits; add one to VALUES")


@pytest.mark.parametrize("verb", sorted(discover_verbs()))
def test_every_option_of_every_verb_is_taken_with_underscores(verb, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for parser in parsers_of(verb):
        assert argparse.SUPPRESS not in parser.format_help()
        for action in parser._actions:
            for option in (o for o in action.option_strings if o.startswith("--") and "-" in o[2:]):
                value = value_of(parser, action)
                typed = "--" + option[2:].replace("-", "_")
                wanted = parser.parse_args([option, *value])
                assert parser.parse_args([typed, *value]) == wanted, (verb, option)
                if len(value) == 1:
                    assert parser.parse_args([f"{typed}={value[0]}"]) == parser.parse_args([f"{option}={value[0]}"])


@pytest.fixture
def parser():
    parser = Parser(prog="mtzoo verb", allow_abbrev=False)
    parser.add_argument("--out")
    parser.add_argument("--cfg-options", nargs="+", action="extend", default=[])
    parser.add_argument("files", nargs="*")
    return parser


def test_values_are_never_touched(parser):
    args = parser.parse_args(["--save_dir=--save_dir", "--cfg_options", "a_b.c_d=e_f", "x_y=--save_dir", "--", "--save_dir", "a_b"])
    assert args.out == "--save_dir"
    assert args.cfg_options == ["a_b.c_d=e_f", "x_y=--save_dir"]
    assert args.files == ["--save_dir", "a_b"]


@pytest.mark.parametrize("typed", ["--no_such_option", "--no_such=x_y", "--save_dirs", "-save_dir", "--_save_dir"])
def test_an_unknown_option_is_named_as_it_was_typed(parser, typed, capsys):
    with pytest.raises(SystemExit):
        parser.parse_args([typed])
    assert f"error: unrecognized arguments: {typed};" in capsys.readouterr().err


def test_a_usage_error_is_one_line_with_what_may_have_been_meant(capsys):
    assert main(["train", "--data", "x", "--epoch", "3"]) == 2
    help_is = "`mtzoo {} --help` shows the options\n"
    assert capsys.readouterr().err == f"error: unrecognized arguments: --epoch; did you mean --epochs? {help_is.format('train')}"
    assert main(["data", "view", "tiny.py", "--nums", "3"]) == 2
    assert capsys.readouterr().err == f"error: unrecognized arguments: --nums; did you mean --num-images? {help_is.format('data view')}"
    assert main(["predict", "real_resize", "x.jpg"]) == 2
    assert capsys.readouterr().err == f"error: the following arguments are required: --out; {help_is.format('predict')}"


def test_an_option_without_its_value_is_named_by_its_own_name(parser, capsys):
    with pytest.raises(SystemExit):
        parser.parse_args(["--save_dir"])
    assert "argument --out: expected one argument" in capsys.readouterr().err


def test_help_is_shown_beside_an_unknown_option(capsys):
    assert main(["predict", "--oout", "seen", "--help"]) == 0
    assert "usage: mtzoo predict" in capsys.readouterr().out


def test_quiet_may_stand_before_a_subverb_or_behind_it():
    for arguments in (["--quiet", "list", "--from", "x"], ["list", "--quiet", "--from", "x"]):
        assert parse("zoo", *arguments).quiet is True
    assert parse("zoo", "list", "--from", "x").quiet is False


def test_a_subverb_takes_them_too():
    args = parse("data", "check", "tiny.py", "--cfg_options", "data_root=a_b")
    assert args.cfg_options == ["data_root=a_b"]


@pytest.fixture
def config(tmp_path):
    return write_config(write_images(tmp_path / "data", count=2) / "tiny.py", config_values(tmp_path / "data", ["seg"]))


def parse(verb, *arguments):
    return verb_parser(verb, import_verb(verb)).parse_args(list(arguments))


def test_the_options_of_train_py_become_keys_of_the_config(config):
    args = parse("train", "--config", str(config), "--iters", "7", "--batch_size", "3", "--learning_rate", "0.01", "--save_interval",
                 "11", "--num_workers", "0", "--seed", "5", "--log_iters", "2", "--keep_checkpoint_max", "4", "--save_dir", "out")
    assert str(args.out) == "out"
    made = config_from_arguments(args, "train", whole)
    phase, env = made.solver[0].float_phase, made.env
    assert (phase.iterations, phase.epochs, phase.batch_size, phase.optimizer.lr) == (7, None, 3, 0.01)
    assert (env.checkpoint_interval, env.workers, env.seed, env.log_interval, env.keep_checkpoints) == (11, 0, 5, 2, 4)
    again = config_from_arguments(parse("train", "--config", str(config)), "train", whole)
    assert again.env.seed == 0, "nothing is kept from one to the next"


def test_the_options_of_ultralytics_become_keys_of_the_config(config):
    args = parse("train", "--config", str(config), "--epochs", "7", "--batch", "3", "--lr0", "0.01", "--freeze", "backbone", "*eck")
    made = config_from_arguments(args, "train", whole)
    phase = made.solver[0].float_phase
    assert (phase.iterations, phase.epochs, phase.batch_size, phase.optimizer.lr) == (None, 7, 3, 0.01)
    assert {name: factor.lr for name, factor in phase.optimizer.multipliers.items()} == {"backbone": 0, "*eck": 0}


@pytest.mark.parametrize(("options", "said"), [
    (["--epochs", "3", "--iters", "7"], "argument --iters: not allowed with argument --epochs"),
    (["--seed", "3", "--cfg-options", "env.seed=4"], "--cfg-options env.seed: another option of this command sets it, too"),
    (["--epochs", "3", "--cfg-options", "solver.0.float_phase.iterations=4"], "another option of this command sets it, too"),
    (["--distill-from", "a.pt", "--cfg-options", "distillation.teacher=b.pt"], "another option of this command sets it, too"),
])
def test_what_two_options_say_is_an_error(config, options, said, tmp_path, capsys):
    assert main(["train", str(config), "--out", str(tmp_path / "run"), *options]) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_what_changes_nothing_is_told(config, capsys):
    parse("train", "--cfg", str(config), "--do_eval", "--use_vdl")
    lines = capsys.readouterr().err.splitlines()
    assert [line.partition(";")[0] for line in lines] == ["--do-eval: changes nothing", "--use-vdl: changes nothing"]


@pytest.mark.parametrize(("arguments", "said"), [
    (["quant", "SOLVER.LR", "0.0001"], "SOLVER.LR: KEY VALUE pairs are not read; write --learning-rate"),
    (["prune", "--resume_model", "x"], "--resume_model: no such option of this verb; write --resume"),
    (["eval", "a.pt", "TEST.TEST_MODEL", "x"], "TEST.TEST_MODEL: KEY VALUE pairs are not read; write --checkpoint"),
    (["quant", "--epochs", "3"], "--epochs: no such option of this verb; write --iters"),
    (["quant", "--imgsz", "320"], "--imgsz: no such option of this verb; write --cfg-options 'train_geometry.crop_hw=[H, W]'"),
    (["quant", "--log_steps", "10"], "--log_steps: no such option of this verb; write --cfg-options env.log_interval=N"),
    (["quant", "batch=8"], "batch=8: options are not written like this; write --batch-size 8"),
])
def test_what_is_called_otherwise_here_is_one_line(arguments, said, config, capsys):
    verb, *rest = arguments
    given = ["--config", str(config), "--checkpoint", "a.pt", "--iters", "1"] if verb != "eval" else []
    assert main([verb, *given, *rest]) == 2
    assert capsys.readouterr().err.startswith(f"error: {said}")


@pytest.mark.parametrize(("arguments", "said"), [
    (["predict", "m.onnx", "x.jpg", "--project", "runs"], "--project: no such option of this verb; write --out DIR"),
    (["train", "model=yolo.pt", "data=coco.yaml"], "model=yolo.pt: options are not written like this; write --checkpoint yolo.pt"),
])
def test_it_is_told_before_what_is_missing(arguments, said, capsys):
    assert main(arguments) == 2
    assert capsys.readouterr().err == f"error: {said}\n"


def test_a_name_of_layers_in_float_is_looked_for_anywhere(config):
    args = parse("quant", "--config", str(config), "--checkpoint", "a.pt", "--iters", "1", "--not_quant_pattern", "seg_head",
                 "nodes.neck.*")
    quantization = with_float_layers(config_from_arguments(args, "quant", whole), args).quantization
    assert quantization.not_quant_pattern == ("*seg_head*", "nodes.neck.*")
