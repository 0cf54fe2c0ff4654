"""Show a config as it is after imports, overrides and defaults.

    mtzoo config show 4pe_resize/det_person --cfg-options env.workers=4
"""

import argparse

from mtzoo.cli.arguments import add_config_options, config_from_arguments
from mtzoo.config import config_hash
from mtzoo.strict_json import strict_json

HELP = "show a resolved config"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", choices=["show"])
    parser.add_argument("config", metavar="CONFIG", help="a config file, or a shipped one's name")
    add_config_options(parser)


def run(args: argparse.Namespace) -> int:
    config = config_from_arguments(args)
    print(strict_json({**config.resolved, "hash": config_hash(config)}, indent=2, ascii_only=False))
    return 0
