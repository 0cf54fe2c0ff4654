"""The argument parser that all verbs share: argparse, where an option's underscores count as hyphens."""

import argparse
from collections.abc import Sequence
from typing import NoReturn

from mtzoo.cli.other_names import check_other_names
from mtzoo.errors import one_line, without_middle


class Parser(argparse.ArgumentParser):
    """argparse, with the user's words in a usage error shown like in every other error, and `--save_dir` read as `--save-dir`."""

    def parse_args(self, args: Sequence[str], namespace: argparse.Namespace | None = None) -> argparse.Namespace:
        """As argparse. Raises UserError for what PaddleSeg's scripts call otherwise."""
        found, left = self.parse_known_args(args, namespace)
        if left:
            check_other_names(left)
            self.error(f"unrecognized arguments: {' '.join(left)}")
        return found

    def parse_known_args(self, args: Sequence[str],
                         namespace: argparse.Namespace | None = None) -> tuple[argparse.Namespace, list[str]]:
        """As argparse. The parser of a sub-verb comes here, too, with the arguments that are its own."""
        return super().parse_known_args(self.with_hyphens(args), namespace)

    def with_hyphens(self, args: Sequence[str]) -> list[str]:
        """The arguments with this parser's long options spelt as they are here. Values, unknown options and all that follows "--"
        stay as they are."""
        end = list(args).index("--") if "--" in args else len(args)
        return [*map(self._own_spelling, args[:end]), *args[end:]]

    def error(self, message: str) -> NoReturn:
        super().error(without_middle(one_line(message)))

    def _own_spelling(self, arg: str) -> str:
        option, equals, value = arg.partition("=")
        hyphened = option.replace("_", "-")
        known = self._option_string_actions
        own = option.startswith("--") and option not in known and hyphened in known
        return f"{hyphened}{equals}{value}" if own else arg
