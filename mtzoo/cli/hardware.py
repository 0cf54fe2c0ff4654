"""Profiles of deploy hardware: list them, measure this machine, check that a profile ranks networks as this machine does.

    mtzoo hardware
    mtzoo hardware --calibrate my-device.yaml
    mtzoo hardware --check real_resize/multitask --profile my-device.yaml

A profile is what `mtzoo compress --deploy-hardware` predicts latency from. Measure with nothing else running.
"""

import argparse
from pathlib import Path

from rich.table import Table

from mtzoo.cli.arguments import add_override_argument, parse_options
from mtzoo.cli.numbers import at_least, processes
from mtzoo.cli.outputs import output_file
from mtzoo.compression.hardware_profile import LEAF_KINDS, HardwareProfile, known_profiles, load_profile, profile_text
from mtzoo.compression.latency import unmeasured_kinds, unmeasured_line
from mtzoo.config import load_config
from mtzoo.config.load import read_config
from mtzoo.console import note, say
from mtzoo.engine.hardware import calibrate_host
from mtzoo.engine.latency_check import NETWORKS, Ranked, rank_variants, spearman, variant_networks
from mtzoo.errors import UserError
from mtzoo.files import write_whole
from mtzoo.graph import read_program
from mtzoo.locate import find_config
from mtzoo.progress import show_progress
from mtzoo.recipes.idle_options import note_idle_overrides
from mtzoo.recipes.models import export_spec

HELP = "list, measure and check profiles of deploy hardware"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--calibrate", type=output_file("--calibrate"), metavar="FILE",
                        help="measure this machine and write its profile")
    parser.add_argument("--check", metavar="CONFIG", help=f"predicted against measured latency: {', '.join(NETWORKS)}")
    parser.add_argument("--profile", metavar="FILE", help="for --check; default: this machine, measured first")
    parser.add_argument("--threads", type=processes("--threads"), default=2, help="CPU threads (2)")
    parser.add_argument("--runs", type=at_least(1, "--runs"), default=30, help="rounds of --check (30)")
    add_override_argument(parser, "the config of --check")


def run(args: argparse.Namespace) -> int:
    if args.profile and not args.check:
        raise UserError("--profile goes with --check CONFIG")
    if args.cfg_options and not args.check:
        raise UserError("--cfg-options goes with --check CONFIG")
    if args.calibrate is not None:
        calibrate(args.calibrate, args.threads)
    if args.check:
        check(args)
    if args.calibrate is None and not args.check:
        list_profiles()
    return 0


def list_profiles() -> None:
    profiles = {name: load_profile(name) for name in known_profiles()}
    say(profile_table(profiles))
    for name, profile in profiles.items():
        if kinds := profile.unmeasured():
            say(unmeasured_line(name, kinds))


def calibrate(path: Path, threads: int) -> None:
    """Measure and write a profile; nothing is overwritten."""
    if path.suffix != ".yaml":
        raise UserError(f"--calibrate {path}: the file has to end in .yaml")
    if path.exists():
        raise UserError(f"--calibrate {path}: exists already; name a new file")
    profile = measured_profile(threads)
    write_whole(path, profile_text(path.name, profile).encode(), "choose another --calibrate")
    say(profile_table({path.name: profile}))


def measured_profile(threads: int) -> HardwareProfile:
    with show_progress("measuring layers") as bar:
        return calibrate_host(threads, bar)


def check(args: argparse.Namespace) -> None:
    """Print the ranking of a config's variants and its correlation with the measured one."""
    path, options = find_config(args.check), parse_options(args.cfg_options)
    config = load_config(path, options)
    note_idle_overrides(read_config(path), options)
    profile = load_profile(args.profile) if args.profile else measured_profile(args.threads)
    nets = {name: (net, export_spec(own, 3)) for name, (net, own) in variant_networks(config, note).items()}
    if kinds := unmeasured_kinds([read_program(net) for net, _ in nets.values()], profile):
        note(unmeasured_line(args.profile, kinds))
    with show_progress("measuring networks") as bar:
        ranked = rank_variants(nets, profile, args.threads, args.runs, bar)
    say(ranking_table(config.name, ranked))
    say(f"Spearman's rank correlation of {len(ranked)} variants: {spearman(ranked):.3f}")


def ranking_table(name: str, ranked: list[Ranked]) -> Table:
    table = Table("variant", "predicted ms", "measured ms", "measured / predicted", title=f"{name}, OpenVINO, the fastest first")
    for column in table.columns[1:]:
        column.justify = "right"
    for r in ranked:
        table.add_row(r.name, f"{r.predicted_ms:.1f}", f"{r.measured_ms:.1f}", f"{r.measured_ms / r.predicted_ms:.2f}")
    return table


def profile_table(profiles: dict[str, HardwareProfile]) -> Table:
    """A row for each profile and precision."""
    convolutions = {"pointwise": "1x1", "dense": "3x3", "group": "group", "depthwise": "depthwise"}
    table = Table("hardware", "precision", *convolutions.values(), *LEAF_KINDS, "what it is",
                  title="GMAC/s of convolutions, giga values/s of other layers")
    for name, profile in profiles.items():
        for precision in profile.precisions:
            macs, values = profile.throughput_gmac_s[precision], profile.leaf_gvalues_s.get(precision, {})
            table.add_row(name, precision, *(f"{macs[kind]:g}" for kind in convolutions),
                          *(f"{values[kind]:g}" if kind in values else "-" for kind in LEAF_KINDS), profile.description)
            name = ""
    return table
