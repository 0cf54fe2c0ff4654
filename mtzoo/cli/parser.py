"""The argument parser that all verbs share: argparse, where an option has its other names, and the verb's subject needs none."""

import argparse
from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any, NoReturn

from mtzoo.cli.option_names import NAMES, main_name
from mtzoo.cli.other_names import PAIRS, check_other_names
from mtzoo.errors import UserError, cut, one_line, without_middle

EXIT_USAGE = 2


class Parser(argparse.ArgumentParser):
    """argparse, with the user's words in a usage error shown like in every other error; `--save_dir` is read as `--save-dir`, and that
    as `--out`."""

    subject: argparse.Action | None = None
    subject_required = False
    quiet: bool | str = False
    """The default of --quiet."""

    def __init__(self, **settings: Any) -> None:
        """settings: as of argparse. Every verb and sub-verb has --quiet, as it has --help."""
        super().__init__(**settings)
        if self.add_help:
            self.add_argument("--quiet", action="store_true", default=self.quiet, help="show no progress")

    def add_subparsers(self, **settings: Any) -> "argparse._SubParsersAction[Parser]":
        """As argparse, of sub-verbs. settings: as of argparse."""
        return super().add_subparsers(parser_class=SubverbParser, **settings)

    def add_subject(self, option: str, *, required: bool = True, help: str, **settings: Any) -> None:
        """The one option that may also be given without its name, as in `mtzoo summary CONFIG`. settings: as of `add_argument`."""
        self.subject = self.add_argument(option, help=f"{help} (also without {option})", **settings)
        self.subject_required = required

    def parse_args(self, args: Sequence[str], namespace: argparse.Namespace | None = None) -> argparse.Namespace:
        """As argparse. Raises UserError for what other toolkits call otherwise."""
        if self._subparsers is None:
            self._refuse(self._unknown_options(args))
        found, left = self.parse_known_args(args, namespace)
        self._refuse(left)
        return found

    def parse_known_args(self, args: Sequence[str],
                         namespace: argparse.Namespace | None = None) -> tuple[argparse.Namespace, list[str]]:
        """As argparse, with `given`: the long options that the user wrote, spelt as they are here."""
        own = self.with_main_names(args)
        found, left = super().parse_known_args(own, namespace)
        words = {word.partition("=")[0] for word in own}
        found.given = getattr(found, "given", frozenset()) | words & self._option_string_actions.keys()
        return found, self._take_subject(found, left)

    def with_main_names(self, args: Sequence[str]) -> list[str]:
        """The arguments with this parser's long options spelt as they are here. Values, unknown options and all that follows "--"
        stay as they are."""
        end = list(args).index("--") if "--" in args else len(args)
        return [*map(self._own_spelling, args[:end]), *args[end:]]

    def error(self, message: str) -> NoReturn:
        """One line, as for every other error, in place of argparse's whole usage."""
        text = without_middle(one_line(message))
        self.exit(EXIT_USAGE, f"error: {text}{' ' if text.endswith('?') else '; '}`{self.prog} --help` shows the options\n")

    def _take_subject(self, found: argparse.Namespace, left: list[str]) -> list[str]:
        """Set the subject from the first word that nothing else took; the other words. It is an error if there is none, or a second
        one."""
        if self.subject is None:
            return left
        option, given = self.subject.option_strings[0], getattr(found, self.subject.dest)
        words = [word for word in left if not word.startswith("-") and word not in PAIRS and not self._option_of(word)]
        if given is not None:
            if left and words == left:
                self.error(f"{option} {given}: the {option.strip('-')} is there already: {' '.join(left)}; keep one of them")
            return left
        word = next(iter(words), None)
        if word is None and self.subject_required:
            self._refuse(left)
            self.error(f"{option} {self.subject.metavar} is missing: {NAMES[option].what}")
        if word is None:
            return left
        setattr(found, self.subject.dest, self.subject.type(word) if self.subject.type else word)
        place = left.index(word)
        return [*left[:place], *left[place + 1:]]

    def _unknown_options(self, args: Sequence[str]) -> list[str]:
        """The long options that this parser does not have, as they were typed: told before those that are missing, but not in place of
        the help."""
        own = self.with_main_names(args)
        options = own[:own.index("--")] if "--" in own else own
        if {"-h", "--help"} & {*options}:
            return []
        return [word for word in options if word.startswith("--") and word.partition("=")[0] not in self._option_string_actions]

    def _refuse(self, left: Sequence[str]) -> None:
        """Tell of arguments that nothing took, if there are any. Raises UserError where it is known what is to be written instead."""
        if not left:
            return
        check_other_names(left)
        for word in left:
            if option := self._option_of(word):
                raise UserError(f"{cut(word)}: options are not written like this; write {option} {cut(word.partition('=')[2])}")
        self.error(f"unrecognized arguments: {' '.join(left)}{self._near(left)}")

    def _option_of(self, word: str) -> str:
        """The option that "epochs=3" means, as ultralytics writes options; empty if this parser has none."""
        name, equals, _ = word.partition("=")
        option = self._own_spelling(f"--{name}")
        return option if equals and option in self._option_string_actions else ""

    def _near(self, left: Sequence[str]) -> str:
        """The option that the first unknown one may have meant, for the message."""
        word = next((word.partition("=")[0] for word in left if word.startswith("--")), "")
        close = get_close_matches(word.replace("_", "-"), self._option_string_actions, n=1)
        return f"; did you mean {close[0]}?" if close else ""

    def _own_spelling(self, arg: str) -> str:
        option, equals, value = arg.partition("=")
        if not option.startswith("--"):
            return arg
        known = self._option_string_actions
        own = option if option in known else main_name(option.replace("_", "-"), known)
        return f"{own}{equals}{value}" if own in known else arg


class SubverbParser(Parser):
    """The parser of a sub-verb, which argparse asks only for what it knows: the rest is refused here, with its own options as hints."""

    quiet = argparse.SUPPRESS  # where it is not given, that of the verb stands

    def parse_known_args(self, args: Sequence[str],
                         namespace: argparse.Namespace | None = None) -> tuple[argparse.Namespace, list[str]]:
        """As the base class, and nothing is left."""
        self._refuse(self._unknown_options(args))
        found, left = super().parse_known_args(args, namespace)
        self._refuse(left)
        return found, []


def add_subverb(verbs: "argparse._SubParsersAction[Parser]", name: str, help: str, example: str) -> Parser:
    """The parser of a sub-verb such as `mtzoo data check`. help: its line in the verb's help; with `example` the head of its own."""
    return verbs.add_parser(name, help=help, description=f"{help[0].upper()}{help[1:]}.\n\n    {example}", allow_abbrev=False,
                            formatter_class=argparse.RawDescriptionHelpFormatter)
