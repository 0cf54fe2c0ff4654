"""Whole runs of the tiny network on the tiny images."""

import io

from mtzoo.console import PlainConsole
from mtzoo.engine import loop
from mtzoo.engine.resume import weights_of
from mtzoo.engine.run import stages, start_run
from mtzoo.engine.train_stages import train
from tests.tiny import phase


def go(config, work_dir, *, resume=False, float_only=False, pipeline_test=False, load_from=None, on_stage_end=lambda *_: None):
    console = PlainConsole(file=io.StringIO(), width=200)
    run = start_run(config, work_dir, ctx="cpu", resume=resume, pipeline_test=pipeline_test, console=console)
    return train(run, stages(config, float_only), resume=resume, initialize=weights_of(load_from), on_stage_end=on_stage_end)


def float_solver(**changes):
    return [{"prefix": "with-bn", "float_phase": phase(**changes)}, {"prefix": "fusion-bn-c1", "quant_phase": phase()},
            {"prefix": "fusion-bn-c2", "quant_phase": phase()}, {"prefix": "int-inference"}]


class Interrupter:
    """Ctrl-C just before the training iterations of a process that are listed for it."""

    def __init__(self, monkeypatch):
        self.step, self.left = loop.train_step, None
        monkeypatch.setattr(loop, "train_step", self)

    def __call__(self, *args):
        if self.left is not None:
            if self.left == 0:
                raise KeyboardInterrupt
            self.left -= 1
        return self.step(*args)
