"""`medley styles`: what a catalog of paintings holds, and whether its files are whole."""

from pathlib import Path
from typing import Any

import click

from medley.cli.options import PATH, read_settings, settings_options
from medley.files import check_free
from medley.settings import CatalogSettings


class _ListsByDefault(click.Group):
    """A group whose first word may be left out: then it lists."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put the word in where neither a command nor --help comes first."""
        if not args or args[0] not in (*self.commands, *ctx.help_option_names):
            args = ["list", *args]
        return super().parse_args(ctx, args)


@click.group(cls=_ListsByDefault, short_help="List, draw and check paintings.")
def styles() -> None:
    """List paintings, draw a sheet of them, check that their files are whole.

    \b
    medley styles                              the paintings that ship
    medley styles PLACES... --artist NAME      others; `medley styles list --help` has all options
    medley styles check ROOT                   decode every file
    """


@styles.command("list", short_help="List paintings, or draw a sheet of them.")
@click.argument("places", type=PATH, nargs=-1)
@settings_options(CatalogSettings)
@click.option("--sheet", type=PATH, help="Draw a contact sheet with titles, ending in .png.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
@click.option("--force", is_flag=True, help="Replace a sheet of that name.")
def list_(
    places: tuple[Path, ...], sheet: Path | None, as_json: bool, force: bool, **options: Any
) -> None:
    """List the paintings in PLACES, by default those that ship; filters apply.

    With --sample, those that a film would draw.
    """
    settings = read_settings(CatalogSettings, options)
    if sheet:
        if sheet.suffix.lower() != ".png":
            raise click.UsageError(f"--sheet '{sheet}' must end in .png")
        check_free(sheet, force)
    from medley.cli.styles_run import list_paintings

    list_paintings(places, settings, sheet, as_json)


@styles.command(short_help="Decode every file and name the bad ones.")
@click.argument("root", type=PATH)
@click.option("--quiet", is_flag=True, help="Show no progress.")
def check(root: Path, quiet: bool) -> None:
    """Decode every file in ROOT and say how many are whole, missing and bad, and which are bad."""
    from medley.cli.styles_run import check_paintings

    check_paintings(root, quiet)
