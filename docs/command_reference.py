"""Writes the reference of the command from the command itself."""

from collections.abc import Iterator
from typing import Any

import typer

from anscombe_transform.cli.commands import app

NAME = "anscombe-transform"

_INTRODUCTION = """\
# The command

`anscombe-transform` needs the extra `cli`; see [Install](../install.md). `anscombe-transform COMMAND --help` prints
what is below. After an error, the message is on standard error, and the exit status is 2.
"""


def command_reference() -> str:
    """Return a page with the arguments and options of all commands, in Markdown."""
    group: Any = typer.main.get_command(app)
    context = typer.Context(group, info_name=NAME)
    commands = group.commands
    lines = [_INTRODUCTION, "| Command | What it does |", "| --- | --- |"]
    lines += [f"| [`{name}`](#{name}) | {_summary(command)} |" for name, command in commands.items()]
    lines += ["", *_table("Option", group, context, "option")]
    for name, command in commands.items():
        lines += _section(name, command, typer.Context(command, info_name=name, parent=context))
    return "\n".join(lines) + "\n"


def _section(name: str, command: Any, context: typer.Context) -> Iterator[str]:
    usage = " ".join([NAME, name, *command.collect_usage_pieces(context)]).replace("{", "").replace("}", "")
    description, _, example = command.help.partition("Example:")
    yield from (f"## {name}", "", "```text", usage.replace("......", "..."), "```", "")
    yield from (description.strip(), "")
    if example:
        yield from ("```bash", example.strip(), "```", "")
    yield from _table("Argument", command, context, "argument")
    yield from _table("Option", command, context, "option")


def _table(title: str, command: Any, context: typer.Context, kind: str) -> Iterator[str]:
    records = [
        parameter.get_help_record(context)
        for parameter in command.get_params(context)
        if parameter.param_type_name == kind
    ]
    if records:
        yield from (f"| {title} | Meaning |", "| --- | --- |")
        for names, text in records:
            yield f"| `{_in_a_cell(names)}` | {_in_a_cell(text)} |"
        yield ""


def _summary(command: Any) -> str:
    return _in_a_cell(command.help.partition("\n\n")[0])


def _in_a_cell(text: str) -> str:
    return " ".join(text.split()).replace("|", r"\|")
