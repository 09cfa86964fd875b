"""`medley styles`: what a catalog of paintings holds, and whether its files are whole."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from medley.cli.options import read_settings, settings_options
from medley.cli.words import counted, printable
from medley.files import check_free
from medley.paintings.catalogs import Catalog, Entry, read_catalog
from medley.settings import CatalogSettings

if TYPE_CHECKING:
    from PIL import Image

    from medley.images import Pixels
    from medley.paintings.draws import Painting

_PATH = click.Path(path_type=Path)
_LISTED = 500  # rows of a table that anybody would read
_ON_A_SHEET = 400  # pictures


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
@click.argument("places", type=_PATH, nargs=-1)
@settings_options(CatalogSettings)
@click.option("--sheet", type=_PATH, help="Draw a contact sheet with titles, ending in .png.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
@click.option("--force", is_flag=True, help="Replace a sheet of that name.")
def list_(
    places: tuple[Path, ...], sheet: Path | None, as_json: bool, force: bool, **options: Any
) -> None:
    """List the paintings in PLACES, by default those that ship; filters apply.

    With --sample, those that a film would draw.
    """
    from medley.paintings.draws import (
        check_entries,
        choose,
        decode_in_turn,
        draw,
        looking,
        shipped_folder,
    )

    settings = read_settings(CatalogSettings, options)
    if sheet:
        if sheet.suffix.lower() != ".png":
            raise click.UsageError(f"--sheet '{sheet}' must end in .png")
        check_free(sheet, force)
    where = list(places) or [shipped_folder()]
    catalog = read_catalog(where)
    check_entries(catalog, where)
    entries = choose(catalog, settings)
    count = settings.sample or len(entries)
    if sheet and count > _ON_A_SHEET:
        raise click.UsageError(
            f"{count:,} paintings are too many for a sheet; pass --sample {_ON_A_SHEET}"
        )
    skipped: list[str] = []
    works: Iterable[Painting[Pixels]] = decode_in_turn(entries, False, skipped, looking(_thumbnail))
    if settings.sample:
        drawn = draw(where, settings, _thumbnail)
        works, skipped = drawn.paintings, drawn.skipped
        entries = [painting.entry for painting in drawn.paintings if painting.entry]
    if sheet:
        _draw_sheet(works, sheet)
    _say_skipped(skipped)
    if as_json:
        click.echo(json.dumps(_as_json(entries, catalog), indent=2))
    else:
        _show(entries, catalog)


@styles.command(short_help="Decode every file and name the bad ones.")
@click.argument("root", type=_PATH)
@click.option("--quiet", is_flag=True, help="Show no progress.")
def check(root: Path, quiet: bool) -> None:
    """Decode every file in ROOT and say how many are whole, missing and bad, and which are bad."""
    from medley.cli.console import notes
    from medley.cli.progress import display
    from medley.paintings.draws import find_bad

    catalog = read_catalog([root])
    with display(notes(quiet)) as show:
        bad = find_bad(
            catalog.entries, lambda done: show.count("decoding", done, len(catalog.entries))
        )
    for reason in bad:
        click.echo(printable(reason))
    click.echo(
        f"{len(catalog.entries) - len(bad):,} whole, {len(catalog.absent):,} missing,"
        f" {len(bad):,} bad"
    )


def _draw_sheet(works: Iterable[Painting[Pixels]], path: Path) -> None:
    from medley.files import write_bytes
    from medley.film.poster import gallery
    from medley.images import encode_png

    pixels = gallery((work.picture, "\n".join([work.title, work.byline])) for work in works)
    write_bytes(path, encode_png(pixels, level=6))


def _thumbnail(picture: Image.Image, _: Path) -> Pixels:
    from medley.film.poster import GALLERY_CELL
    from medley.images import thumbnail

    return thumbnail(picture, GALLERY_CELL)


def _say_skipped(skipped: list[str]) -> None:
    from medley.cli.console import notes, warn

    for reason in skipped:
        warn(notes(quiet=False), f"passed over: {reason}")


def _show(entries: list[Entry], catalog: Catalog) -> None:
    from medley.cli.console import show_table
    from medley.paintings.draws import title_of

    columns = ["title", "artist", "date", "genre", "style", "split", "file"]
    rows = [
        [
            title_of(entry),
            *(entry.artist, entry.date, entry.genre, entry.style, entry.split, entry.file),
        ]
        for entry in entries[:_LISTED]
    ]
    if rows:
        show_table(columns, rows)
    if len(entries) > _LISTED:
        click.echo(f"... and {len(entries) - _LISTED:,} more; --json lists all")
    total = f"{len(entries):,} of {counted(len(catalog.entries), 'painting')}"
    facts = {
        "rows without a file": len(catalog.absent),
        "files without a row": catalog.unlisted,
    }
    click.echo(", ".join([total, *(f"{count:,} {what}" for what, count in facts.items() if count)]))


def _as_json(entries: list[Entry], catalog: Catalog) -> dict[str, Any]:
    from medley.paintings.draws import title_of

    works = [
        {
            "file": entry.file,
            "title": title_of(entry),
            "artist": entry.artist,
            "genre": entry.genre,
            "style": entry.style,
            "date": entry.date,
            "year": entry.year,
            "split": entry.split,
        }
        for entry in entries
    ]
    return {
        "paintings": works,
        "rows_without_file": len(catalog.absent),
        "files_without_row": catalog.unlisted,
    }
