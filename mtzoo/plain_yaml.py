"""YAML of users: plain values only, each written where it stands."""

from pathlib import Path
from typing import Any

import yaml

from mtzoo.errors import UserError

YAML_SUFFIXES = (".yaml", ".yml")


class _PlainLoader(yaml.SafeLoader):
    """Without aliases: a few lines of them stand for billions of values."""

    def compose_node(self, parent: yaml.Node | None, index: object) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError(f"line {self.peek_event().start_mark.line + 1}: an alias, *{self.peek_event().anchor}; write the "
                                 "value in its place")
        return super().compose_node(parent, index)


def parse_yaml(text: str, path: Path) -> Any:
    """What YAML text says. path: the file it is from, for the message.

    Nothing in it is executed. Raises UserError for what is no YAML, is nested too deep or holds an alias.
    """
    try:
        return yaml.load(text, _PlainLoader)
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # ValueError: an integer or a date that is none
        raise UserError(f"{path}: not YAML ({' '.join(str(error).split()):.200}); fix or restore it") from None
