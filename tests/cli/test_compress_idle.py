import pytest

from mtzoo.cli.compress_idle import note_idle_measuring
from mtzoo.cli.main import import_verb, verb_parser

SEARCH = "TrainConfig: {train_iter: 2}"


@pytest.mark.parametrize(("strategy", "options", "told"), [
    ("QuantAware: {}", ["--calib-images", "4", "--no-bench", "--threads", "1"],
     ["--threads: changes nothing; --no-bench measures no latency",
      "--calib-images: changes nothing; FILE does not quantize by calibration"]),
    ("QuantPost: {}", ["--calib-images", "4", "--threads", "1"], []),
    (SEARCH, ["--no-bench", "--threads", "1"], ["--no-bench: changes nothing; the search ranks candidates by their latency"]),
    (SEARCH, ["--threads", "1", "--deploy-hardware", "generic-arm-a75"],
     ["--threads: changes nothing; the latency on generic-arm-a75 is predicted"]),
    ("Global: {deploy_hardware: SD710}\n" + SEARCH, ["--threads", "1"],
     ["--threads: changes nothing; the latency on SD710 is predicted"]),
    (None, ["--calib-images", "4", "--threads", "1"], []),
])
def test_options_that_change_nothing_are_told(strategy, options, told, tmp_path, capsys):
    if strategy is not None:
        (tmp_path / "s.yaml").write_text(strategy)
        options = [*options, "--strategy-config", str(tmp_path / "s.yaml")]
    note_idle_measuring(verb_parser("compress", import_verb("compress")).parse_args(["--config", "x", *options]))
    assert capsys.readouterr().err.splitlines() == [line.replace("FILE", str(tmp_path / "s.yaml")) for line in told]
