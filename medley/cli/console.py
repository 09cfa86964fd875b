"""Where commands print: progress and warnings to standard error, results to standard output."""

import sys
from collections.abc import Iterable, Mapping, Sequence

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from medley.cli.words import printable


def notes(quiet: bool) -> Console:
    """Console for what a run says on its way; a quiet one says nothing."""
    return Console(stderr=True, quiet=quiet)


def warn(console: Console, text: str) -> None:
    """Print a warning in one line."""
    line = f"warning: {printable(text)}"
    console.print(line, style="yellow", highlight=False, markup=False, soft_wrap=True)


def fact_lines(facts: Mapping[str, str]) -> list[str]:
    """Names and what they are, a line each."""
    width = max(len(name) for name in facts)
    return [f"{name:{width}}  {text}" for name, text in facts.items()]


def show_facts(facts: Mapping[str, str]) -> None:
    """Print names and what they are, a line each, to standard output."""
    for line in fact_lines(facts):
        click.echo(line)


def results() -> Console:
    """Console for standard output; off a terminal it is wide enough for a table."""
    return Console(width=None if sys.stdout.isatty() else 200)


def show_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a table to standard output; numbers stand to the right."""
    results().print(table_of(columns, rows))


def table_of(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Table:
    """A table in which numbers stand to the right."""
    table = Table(box=None, header_style="bold")
    texts = [[printable(str(cell)) for cell in row] for row in rows]
    for column, cells in zip(columns, zip(*texts, strict=True), strict=True):
        numbers = all(cell[:1].isdigit() or not cell for cell in cells)
        table.add_column(column, justify="right" if numbers else "left", overflow="fold")
    for row in texts:
        table.add_row(*(escape(cell) for cell in row))
    return table
