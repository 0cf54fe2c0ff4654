"""List profiles of deploy hardware, measure this machine, or check that a profile ranks networks as this machine does.

    mtzoo hardware
    mtzoo hardware --calibrate my-device.yaml
    mtzoo hardware --check --config real_resize/multitask --deploy-hardware my-device.yaml

`mtzoo compress --deploy-hardware` predicts latency from a profile. Let nothing else run while measuring.
"""

import argparse

from mtzoo.cli.arguments import add_override_argument, parse_options
from mtzoo.cli.idle import note_idle
from mtzoo.cli.numbers import at_least, processes
from mtzoo.cli.outputs import output_file
from mtzoo.cli.parser import Parser
from mtzoo.console import say
from mtzoo.errors import UserError

HELP = "list, measure and check profiles of deploy hardware"


def add_arguments(parser: Parser) -> None:
    parser.add_argument("--calibrate", type=output_file("--calibrate"), metavar="FILE",
                        help="measure this machine and write its profile")
    parser.add_argument("--check", action="store_true",
                        help="predicted against measured latency of a config's network, single tasks of it, and other widths")
    parser.add_subject("--config", required=False, metavar="CONFIG", help="for --check: a config file, or a shipped one's name")
    parser.add_argument("--deploy-hardware", metavar="H",
                        help="for --check: a profile's name or its .yaml file; default: this machine, measured first")
    parser.add_argument("--threads", type=processes("--threads"), default=2, help="CPU threads (2)")
    parser.add_argument("--runs", type=at_least(1, "--runs"), default=30, help="rounds of --check (30)")
    add_override_argument(parser, "the config of --check")


def run(args: argparse.Namespace) -> int:
    if args.check and not args.config:
        raise UserError("--check: of which network? Add --config CONFIG")
    for option, given in (("--config", args.config), ("--deploy-hardware", args.deploy_hardware), ("--cfg-options", args.cfg_options)):
        if given and not args.check:
            raise UserError(f"{option} goes with --check")
    if not args.check:
        note_idle(args, "it goes with --check", "--runs", *(() if args.calibrate else ("--threads",)))
    from mtzoo.cli.hardware_tables import profile_table, ranking_table, stem_table
    from mtzoo.recipes.hardware import calibrate_hardware, check_hardware

    if args.calibrate is not None:
        measured = {args.calibrate.name: calibrate_hardware(args.calibrate, args.threads)}
        say(profile_table(measured))
        say(stem_table(measured))
    if args.check:
        found = check_hardware(args.config, args.deploy_hardware, options=parse_options(args.cfg_options), threads=args.threads,
                               runs=args.runs)
        say(ranking_table(found.config, found.networks))
        say(f"Spearman's rank correlation of {len(found.networks)} variants: {found.correlation:.3f}")
    if args.calibrate is None and not args.check:
        list_profiles()
    return 0


def list_profiles() -> None:
    """Those that come along."""
    from mtzoo.cli.hardware_tables import profile_table
    from mtzoo.compression.hardware_profile import known_profiles, load_profile
    from mtzoo.compression.latency import unmeasured_line

    profiles = {name: load_profile(name) for name in known_profiles()}
    say(profile_table(profiles))
    for name, profile in profiles.items():
        say(f"{name}: {profile.description}")
        if kinds := profile.unmeasured():
            say(unmeasured_line(name, kinds))
