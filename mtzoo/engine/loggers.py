"""Where a run's curves go: TensorBoard, CSV, and the services that mmengine's visualizer back ends write to."""

import csv
import importlib.util
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from mmengine.config import Config

from mtzoo.config.env import Env, LoggerName
from mtzoo.console import PlainConsole
from mtzoo.engine.scalar_log import ScalarLog
from mtzoo.errors import UserError

PACKAGES = {"wandb": "wandb", "mlflow": "mlflow", "clearml": "clearml"}
"""Logger -> the package that it needs beside mmengine."""
CSV_FIELDS = ("iteration", "name", "value")


class Log(Protocol):
    """Takes the curves of one stage."""

    def add(self, values: Mapping[str, float], iteration: int) -> None:
        """Name -> value at an iteration."""

    def close(self) -> None:
        """The stage is over."""


class CsvLog:
    """A file of iteration, name, value; a resumed run goes on in it. What cannot be written is told once, then left out."""

    def __init__(self, path: Path, console: PlainConsole) -> None:
        self.path, self.console, self.failed = path, console, False

    def add(self, values: Mapping[str, float], iteration: int) -> None:
        if self.failed:
            return
        try:
            self.path.parent.mkdir(exist_ok=True)  # not with its parents: see ScalarLog
            with open(self.path, "a", newline="") as file:
                writer = csv.writer(file)
                if file.tell() == 0:
                    writer.writerow(CSV_FIELDS)
                writer.writerows((iteration, name, value) for name, value in values.items())
        except OSError as error:
            self.failed = True
            self.console.print(f"note: {self.path}: no more curves ({error.strerror}); the training goes on")

    def close(self) -> None:
        """Nothing is open."""


class ServiceLog:
    """One of mmengine's back ends, opened with the first value and closed with the run; names begin with the stage's. An error of the
    service is told once, then nothing more is sent."""

    def __init__(self, service: "Service", stage: str) -> None:
        self.service, self.stage = service, stage

    def add(self, values: Mapping[str, float], iteration: int) -> None:
        self.service.send({f"{self.stage}/{name}": value for name, value in values.items()}, iteration)

    def close(self) -> None:
        """The service stays open for the next stage."""


class Service:
    """A logging service for a whole run. name: of `env.loggers`; options: of its back end in mmengine."""

    def __init__(self, name: LoggerName, options: Mapping[str, Any], config: Config, console: PlainConsole) -> None:
        self.name, self.config, self.console, self.failed = name, config, console, False
        self.options = {**defaults(name, config), **options}
        self.backend = None

    def send(self, values: Mapping[str, float], iteration: int) -> None:
        if self.failed:
            return
        try:
            if self.backend is None:
                self.backend = self._open()
            steps = {"iteration": iteration} if self.name == "wandb" else {}  # whose back end counts its own steps
            self.backend.add_scalars({**values, **steps}, step=iteration)
        except Exception as error:  # of a package and a network that are not ours
            self._give_up(error)

    def _open(self) -> Any:
        from mmengine.visualization import vis_backend

        kinds = {"wandb": vis_backend.WandbVisBackend, "mlflow": vis_backend.MLflowVisBackend, "clearml": vis_backend.ClearMLVisBackend}
        backend = kinds[self.name](save_dir=self.config.work_dir, **self.options)
        if self.name != "wandb":  # its add_config would also upload the Python files of the present folder
            backend.add_config(self.config)
        return backend

    def _give_up(self, error: Exception) -> None:
        self.failed = True
        why = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        self.console.print(f"note: {self.name}: no more curves ({why}); the training goes on")

    def close(self) -> None:
        """Waits for what is still to be sent."""
        if self.backend is not None:
            try:
                self.backend.close()
            except Exception as error:
                self._give_up(error)


def defaults(name: LoggerName, config: Config) -> dict[str, Any]:
    """Options that a service has where the config gives no others: no file of the work dir is uploaded. MLflow no longer writes into
    plain folders, which is what mmengine would ask of it."""
    database = os.environ.get("MLFLOW_TRACKING_URI", f"sqlite:///{Path(config.work_dir).absolute()}/mlflow.db")
    return {"wandb": {"init_kwargs": {"project": "mtzoo", "name": config.name, "dir": config.work_dir}},
            "mlflow": {"exp_name": "mtzoo", "tracking_uri": database, "artifact_suffix": ()},
            "clearml": {"init_kwargs": {"project_name": "mtzoo", "task_name": config.name}, "artifact_suffix": ()}}[name]


class Loggers:
    """The loggers of a run: `env.loggers` and `env.logger_options`.

    Raises UserError naming the package that one of them lacks.
    """

    def __init__(self, env: Env, name: str, work_dir: Path, console: PlainConsole) -> None:
        self.names, self.work_dir, self.console = env.loggers, work_dir, console
        for logger in env.loggers:
            package = PACKAGES.get(logger)
            if package is not None and importlib.util.find_spec(package) is None:
                raise UserError(f"env.loggers: '{logger}' needs the package {package}; pip install {package}, or mtzoo[loggers]")
        config = {"name": name, "work_dir": str(work_dir / "services")}
        self.services = {logger: Service(logger, env.logger_options.get(logger, {}), Config(config), console)
                         for logger in env.loggers if logger in PACKAGES}

    def of_stage(self, stage: str) -> Sequence[Log]:
        """The logs of a stage."""
        local = {"tensorboard": lambda: ScalarLog(self.work_dir / "tensorboard" / stage, self.console),
                 "csv": lambda: CsvLog(self.work_dir / "curves" / f"{stage}.csv", self.console)}
        return [local[name]() if name in local else ServiceLog(self.services[name], stage) for name in self.names]

    def close(self) -> None:
        for service in self.services.values():
            service.close()
