"""Help: every command shows examples that it would accept, and types as people read them."""

import re
import shlex

import pytest
from typer.main import get_command

from slipway.cli import app
from tests.stack import ROOT

COMMAND_LINE = ROOT / "docs" / "how-to" / "command-line.md"


ROOT_COMMAND = get_command(app)


def commands(group=ROOT_COMMAND, path=()):
    for name, command in group.commands.items():
        here = [*path, name]
        if hasattr(command, "commands"):
            yield from commands(command, here)
        else:
            yield pytest.param(here, command, id=" ".join(here))


COMMANDS = list(commands())


def examples(text):
    """Commands that begin with slipway in a text, without what a shell does around them."""
    joined = text.replace("\\\n", " ")
    found = re.findall(r"(?:^|\$\(|if ! )\s*(?:[A-Z_]+=\S+ )*(slipway [a-z][^\n]*)", joined, re.MULTILINE)
    return [command.rsplit(")", 1)[0] if f"$({command}" in joined else command for command in found]


def accepts(words):
    """Parses the words as the command line would, without running the command. Raises what it would end with."""
    command, rest = ROOT_COMMAND, words[1:]
    while hasattr(command, "commands"):
        command, rest = command.commands[rest[0]], rest[1:]
    command.make_context(command.name, rest)


def words_of(line):
    words = shlex.split(line.split(" < ")[0].split(" > ")[0], comments=True)
    assert words[0] == "slipway"
    return words


@pytest.mark.parametrize(("path", "command"), COMMANDS)
def test_every_command_shows_examples_that_it_accepts(path, command):
    shown = examples(command.epilog or "")
    assert shown, "no example"
    for line in shown:
        assert words_of(line)[1 : 1 + len(path)] == path
        accepts(words_of(line))


@pytest.mark.parametrize("line", sorted(set(examples(COMMAND_LINE.read_text()))))
def test_commands_of_the_documentation_are_accepted(line):
    if "--install-completion" not in line:
        accepts(words_of(line))


@pytest.mark.parametrize(("path", "command"), COMMANDS)
def test_help_has_types_as_people_read_them_and_a_text_for_every_option(slipway, path, command):
    shown = slipway(*path, "--help").out
    assert re.findall(r"<[^>]*(?:list|range|Path|str|int|float)[^>]*>", shown) == []
    assert "Examples:" in shown
    options = [param for param in command.params if param.param_type_name == "option" and not param.hidden]
    assert [option.name for option in options if not option.help] == []
    assert {"--output", "-o", "--query", "--json"} <= {option for param in command.params for option in param.opts}
