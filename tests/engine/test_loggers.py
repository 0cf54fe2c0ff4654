"""Curves on disk and to services; a service is stood in for by a module of its name."""

import csv
import io
import sys
import types

import pytest

from mtzoo.config import config_from_dict
from mtzoo.config.compare import difference
from mtzoo.config.env import Env
from mtzoo.console import PlainConsole
from mtzoo.engine.loggers import CsvLog, Loggers
from mtzoo.errors import UserError
from tests.tiny import config_values


@pytest.fixture
def console():
    return PlainConsole(file=io.StringIO(), width=300)


def test_a_csv_goes_on_where_it_was_and_a_folder_that_is_gone_is_told_once(tmp_path, console):
    for iteration in (10, 20):  # two processes, the second one resumed
        CsvLog(tmp_path / "curves" / "with-bn.csv", console).add({"loss/loss": 0.5, "val/seg/mIoU": float(iteration)}, iteration)
    rows = list(csv.reader((tmp_path / "curves" / "with-bn.csv").open()))
    assert rows == [["iteration", "name", "value"], ["10", "loss/loss", "0.5"], ["10", "val/seg/mIoU", "10.0"],
                    ["20", "loss/loss", "0.5"], ["20", "val/seg/mIoU", "20.0"]]
    log = CsvLog(tmp_path / "gone" / "curves" / "x.csv", console)
    log.add({"lr": 1.0}, 1)
    log.add({"lr": 1.0}, 2)
    assert not (tmp_path / "gone").exists()
    assert console.file.getvalue().count("no more curves") == 1


class Wandb(types.ModuleType):
    """What mmengine calls of the package."""

    def __init__(self):
        super().__init__("wandb")
        self.__spec__ = types.SimpleNamespace(name="wandb")
        self.calls = []

    def init(self, **options):
        self.calls.append(("init", options))

    def log(self, values, commit):
        if "broken" in str(values):
            raise ConnectionError("no network\nat all")
        self.calls.append(("log", values))

    def join(self):
        self.calls.append(("join",))


@pytest.fixture
def wandb(monkeypatch):
    module = Wandb()
    monkeypatch.setitem(sys.modules, "wandb", module)
    return module


def test_a_service_takes_all_stages_of_a_run_through_mmengine(tmp_path, console, wandb):
    env = Env(loggers=("csv", "wandb"), logger_options={"wandb": {"init_kwargs": {"project": "roads"}}})
    loggers = Loggers(env, "tests/tiny", tmp_path, console)
    assert wandb.calls == []  # nothing is opened before there is a value
    for stage in ("with-bn-float", "with-bn"):
        for log in loggers.of_stage(stage):
            log.add({"lr": 0.5}, 20)
            log.close()
    loggers.close()
    assert wandb.calls == [("init", {"project": "roads", "dir": str(tmp_path / "services")}),
                           ("log", {"with-bn-float/lr": 0.5, "iteration": 20}), ("log", {"with-bn/lr": 0.5, "iteration": 20}),
                           ("join",)]
    assert sorted(path.name for path in (tmp_path / "curves").iterdir()) == ["with-bn-float.csv", "with-bn.csv"]
    assert console.file.getvalue() == ""


def test_a_service_that_fails_is_told_once_and_ends_nothing(tmp_path, console, wandb):
    log, = Loggers(Env(loggers=("wandb",)), "tests/tiny", tmp_path, console).of_stage("broken")
    log.add({"lr": 0.5}, 20)
    log.add({"lr": 0.5}, 40)
    assert console.file.getvalue() == "note: wandb: no more curves (ConnectionError: no network at all); the training goes on\n"


def test_a_package_that_is_not_there_is_told_before_anything_begins(tmp_path, console, monkeypatch):
    monkeypatch.setitem(sys.modules, "clearml", None)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"env\.loggers: 'clearml' needs the package clearml; pip install clearml"):
        Loggers(Env(loggers=("clearml",)), "tests/tiny", tmp_path, console)


def test_loggers_that_cannot_be_are_told_and_others_are_no_other_run(tmp_path):
    values = config_values(tmp_path)
    for env, message in (({"loggers": ["wandbb"]}, "one of 'tensorboard', 'csv', 'wandb'"),
                         ({"logger_options": {"wandb": {}}}, r"logger_options\.wandb: options are for .* where 'loggers' names them")):
        with pytest.raises(UserError, match=message):
            config_from_dict({**values, "env": {**values["env"], **env}})
    assert difference(values, config_from_dict({**values, "env": {**values["env"], "loggers": ["csv"]}})) is None
