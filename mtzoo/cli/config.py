"""Show a config with all imports, overrides and defaults applied.

    mtzoo config show --config 4pe_resize/det_person --cfg-options env.workers=4
"""

import argparse
import json

from mtzoo.cli.arguments import add_config_arguments, config_from_arguments
from mtzoo.cli.parser import Parser
from mtzoo.console import say
from mtzoo.strict_json import strict_json

HELP = "show a resolved config"


def add_arguments(parser: Parser) -> None:
    parser.add_argument("action", choices=["show"])
    add_config_arguments(parser)


def run(args: argparse.Namespace) -> int:
    from mtzoo.config import config_hash, parts

    config = config_from_arguments(args, "config", parts.whole)
    text = strict_json({**config.resolved, "hash": config_hash(config)}, indent=2, ascii_only=False)
    for line in text.split("\n"):
        say("".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in line))
    return 0
