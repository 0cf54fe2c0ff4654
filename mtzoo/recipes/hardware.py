"""Profiles of deploy hardware: measured on this machine, and held against what networks take here."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from mtzoo.compression.hardware_profile import HardwareProfile, load_profile, profile_text
from mtzoo.compression.latency import unmeasured_kinds, unmeasured_line
from mtzoo.config import load_config
from mtzoo.config.load import read_config
from mtzoo.config.parts import deployment
from mtzoo.console import PlainConsole
from mtzoo.engine.hardware import calibrate_host
from mtzoo.engine.latency_check import Ranked, rank_variants, spearman, variant_networks
from mtzoo.errors import UserError
from mtzoo.files import write_whole
from mtzoo.graph import read_program
from mtzoo.locate import find_config
from mtzoo.progress import follows_console, show_progress
from mtzoo.recipes.idle_options import note_idle_overrides
from mtzoo.recipes.models import export_spec


@dataclass(frozen=True)
class Ranking:
    """Networks of one config, the fastest first, predicted and measured."""

    config: str
    networks: list[Ranked]

    @property
    def correlation(self) -> float:
        """Spearman's, of predicted and measured latencies."""
        return spearman(self.networks)


def calibrate_hardware(path: str | Path, threads: int = 2) -> HardwareProfile:
    """Measure this machine and write its profile. Raises UserError for a file that is there, or does not end in .yaml."""
    path = Path(path)
    if path.suffix != ".yaml":
        raise UserError(f"--calibrate {path}: the file must end in .yaml")
    if path.exists():
        raise UserError(f"--calibrate {path}: exists already; name a new file")
    profile = measured_profile(threads)
    write_whole(path, profile_text(path.name, profile).encode(), "choose another --calibrate")
    return profile


def measured_profile(threads: int) -> HardwareProfile:
    """The profile of this machine, measured now."""
    with show_progress("measuring layers") as bar:
        return calibrate_host(threads, bar)


@follows_console
def check_hardware(config: str | Path, profile: str | Path | None = None, *, options: Mapping[str, Any] = MappingProxyType({}),
                   threads: int = 2, runs: int = 30, console: PlainConsole | None = None) -> Ranking:
    """Variants of a config's network as a profile ranks them and as this machine does.

    profile: a name or a .yaml file, None for this machine's, measured first; options: overrides of the config; runs: rounds; console:
    for notes, default stderr.
    """
    console, path = console or PlainConsole(stderr=True), find_config(config)
    found = load_config(path, options)
    note_idle_overrides(read_config(path), options, part=deployment, verb="hardware")
    loaded = load_profile(profile) if profile else measured_profile(threads)
    nets = {name: (net, export_spec(own, 3)) for name, (net, own) in variant_networks(found, console.print).items()}
    if kinds := unmeasured_kinds([read_program(net) for net, _ in nets.values()], loaded):
        console.print(unmeasured_line(profile, kinds))
    with show_progress("measuring networks") as bar:
        return Ranking(found.name, rank_variants(nets, loaded, threads, runs, bar))
