"""Help in groups: options stand under the headings that their schemas have."""

import inspect
from typing import Any

import click

from medley.settings import Order, Settings

_BY_HAND = Order.heading  # of the options that no schema has


class SettingOption(click.Option):
    """An option made from a schema's field."""

    def __init__(self, *names: Any, heading: str, **about: Any) -> None:
        """Take what any option takes, and the heading that it stands under."""
        super().__init__(*names, **about)
        self.heading = heading


class Once(click.Command):
    """A command whose options of one file are refused where they are given twice.

    Of two numbers the last counts, as everywhere, so that a script's may be overruled; of two files
    both may be meant.
    """

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the words, of which click would take the last value and pass over the others."""
        *_, given = self.make_parser(ctx).parse_args(list(args))
        seen: set[str | None] = set()
        for param in given:
            if not isinstance(param, click.Option) or param.multiple or param.type.name != "path":
                continue
            if param.name in seen:
                option = max(param.opts, key=len)
                raise click.UsageError(
                    f"{option} is given twice, and takes one; leave one out", ctx
                )
            seen.add(param.name)
        return super().parse_args(ctx, args)


class Grouped(Once):
    """A command whose --help has its options under headings, in the order of their first."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write a list of options for each heading."""
        groups: dict[str, list[tuple[str, str]]] = {_BY_HAND: []}
        for param in self.get_params(ctx):
            record = param.get_help_record(ctx)
            if isinstance(param, click.Option) and record is not None:
                groups.setdefault(getattr(param, "heading", _BY_HAND), []).append(record)
        for heading, records in groups.items():
            with formatter.section(heading):
                formatter.write_dl(records)


def by_worth(schema: type[Settings]) -> dict[str, str]:
    """A schema's fields and their headings: its own first, then those of what it is made of."""
    headings: dict[str, str] = {}
    for owner in schema.__mro__:
        if issubclass(owner, Settings):
            own = [name for name in inspect.get_annotations(owner) if name in schema.model_fields]
            headings |= {name: owner.heading for name in own if name not in headings}
    return headings
