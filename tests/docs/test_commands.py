"""Every `mtzoo VERB ...` in README.md, docs/ and the model cards has options and configs that exist; every `python tools/NAME.py ...`
there, and in the scripts themselves, has options of that script."""

import argparse
import re
import shlex
from pathlib import Path

import pytest

from mtzoo.cli.main import discover_verbs, import_verb, verb_parser
from mtzoo.cli.option_names import main_name
from mtzoo.locate import list_configs

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md")), *sorted((ROOT / "zoo").glob("*.md"))]
INLINE = re.compile(r"`(?:mtzoo|\.venv/bin/mtzoo) ([^`]+)`")
LINE = re.compile(r"^\s*(?:\.venv/bin/)?mtzoo (.+?)(?:\s+#.*)?$")
TOOL = re.compile(r"python (tools/\w+\.py)((?: +[^\s`#]+)*)")
PADDLE, TORCHRUN = {"coming_from.md", "from_paddle.md"}, "tools/torchrun_mtzoo.py"
"""Pages that name scripts of PaddleSeg's tools/, too; a script whose options are torchrun's."""
BLOCK = re.compile(r"^```.*?^```$|^(?: {4}[^\n]*\n)+", re.MULTILINE | re.DOTALL)


def commands_of(text: str) -> list[str]:
    """What follows `mtzoo` in each command of a page: a line of a block, or a piece of code in a sentence."""
    blocks = re.sub(r"\\\n\s*", " ", "\n".join(BLOCK.findall(text))).split("\n")
    prose = re.sub(r"\s*\n\s*", " ", BLOCK.sub("", text))
    return [found.group(1) for line in blocks if (found := LINE.match(line))] + INLINE.findall(prose)


def words_of(command: str) -> list[str]:
    """The words of a command before a pipe or the next command."""
    try:
        return re.split(r" [|;&] ?", " ".join(shlex.split(command)))[0].split()
    except ValueError:  # a quote that is open: prose
        return []


def parser_of(parser: argparse.ArgumentParser, words: list[str]) -> argparse.ArgumentParser:
    """The parser that reads these words: of `mtzoo data check`, that of `check`."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            return next((action.choices[word] for word in words if word in action.choices), parser)
    return parser


def faults_of(command: str, verbs: dict[str, argparse.ArgumentParser], configs: list[str]) -> list[str]:
    words = words_of(command)
    if not words or words[0].startswith(("-", "VERB")):
        return []
    if words[0] not in verbs:
        return [f"mtzoo {command}: no verb '{words[0]}'"]
    known = parser_of(verbs[words[0]], words[1:])._option_string_actions
    options = [word.split("=")[0] for word in words[1:] if re.match(r"--?[a-zA-Z]", word)]
    faults = [f"mtzoo {command}: no option {option}" for option in options
              if main_name(option.replace("_", "-"), known) not in known]
    folders = {name.split("/")[0] for name in configs}
    named = [word for word in words[1:] if re.fullmatch(r"\w+/\w+", word) and word.split("/")[0] in folders]
    return faults + [f"mtzoo {command}: no config {config}" for config in named if config not in configs]


def test_commands_are_found_in_blocks_and_in_sentences():
    text = "```\nmtzoo eval a.pt \\\n    --limit 3   # three\n```\nUse `mtzoo bench\nX`."
    assert commands_of(text) == ["eval a.pt  --limit 3", "bench X"]


@pytest.mark.slow
def test_commands_in_the_docs_have_options_and_configs_that_exist():
    verbs, configs = {verb: verb_parser(verb, import_verb(verb)) for verb in discover_verbs()}, list_configs()
    assert faults_of("train --config zoo/nothing --no-such-option", verbs, configs) == [
        "mtzoo train --config zoo/nothing --no-such-option: no option --no-such-option",
        "mtzoo train --config zoo/nothing --no-such-option: no config zoo/nothing"]
    commands = [(page.name, command) for page in PAGES for command in commands_of(page.read_text("utf-8"))]
    assert len(commands) > 200
    faults = [f"{page}: {fault}" for page, command in commands for fault in faults_of(command, verbs, configs)]
    assert not faults, "\n".join(faults)


def test_tools_in_the_docs_exist_and_have_the_options():
    pages = [page for page in PAGES if page.name not in PADDLE] + sorted((ROOT / "tools").glob("*.*"))
    text = {page.name: re.sub(r"\\{1,2}\n\s*", " ", page.read_text("utf-8")) for page in pages}
    found = [(name, *match.groups()) for name in text for match in TOOL.finditer(text[name]) if match[1] != TORCHRUN]
    assert len(found) > 50
    faults = [f"{page}: no {tool}" for page, tool, _ in found if not (ROOT / tool).is_file()]
    faults += [f"{page}: {tool} has no {option}" for page, tool, words in found if (ROOT / tool).is_file()
               for option in re.findall(r" (--[a-z][\w-]*)", words) if f'"{option}"' not in (ROOT / tool).read_text("utf-8")]
    assert not faults, "\n".join(faults)


def test_every_script_of_tools_is_listed():
    listed = set(re.findall(r"`(\w+\.(?:py|sh|yaml))`", (ROOT / "docs" / "contributing.md").read_text("utf-8")))
    assert {path.name for path in (ROOT / "tools").glob("*.*")} <= listed
