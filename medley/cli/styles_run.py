"""What `medley styles` does: paintings are listed, drawn on a sheet, and decoded."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import click
from PIL import Image

from medley.cli.console import notes, show_table, warn
from medley.cli.progress import display
from medley.cli.words import counted, printable
from medley.files import write_bytes
from medley.film.poster import GALLERY_CELL, gallery
from medley.images import Pixels, encode_png, thumbnail
from medley.paintings.catalogs import Catalog, Entry, read_catalog
from medley.paintings.draws import (
    Painting,
    check_entries,
    choose,
    decode_in_turn,
    draw,
    find_bad,
    looking,
    title_of,
)
from medley.settings import CatalogSettings
from medley.shipped import painting_at, shipped_folder

_LISTED = 500  # rows of a table that anybody would read
_ON_A_SHEET = 400  # pictures


def list_paintings(
    places: Sequence[Path], settings: CatalogSettings, sheet: Path | None, as_json: bool
) -> None:
    """Print a table of paintings, and draw a sheet of them.

    Args:
        places: folders and files of paintings; none for the paintings that ship.
        settings: filters, and number of paintings that are drawn by lot.
        sheet: file of the sheet, if one is wanted.
        as_json: True to print JSON instead of the table.

    Raises:
        click.UsageError: they are too many for a sheet.
    """
    where = [painting_at(place) for place in places] or [shipped_folder()]
    catalog = read_catalog(where)
    check_entries(catalog, where)
    entries = choose(catalog, settings)
    count = settings.sample or len(entries)
    if sheet and count > _ON_A_SHEET:
        raise click.UsageError(
            f"{count:,} paintings are too many for a sheet; pass --sample {_ON_A_SHEET}"
        )
    skipped = catalog.reasons()
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


def check_paintings(root: Path, quiet: bool) -> None:
    """Decode every painting, and print which are bad.

    Args:
        root: folder or catalog of paintings.
        quiet: True to show no progress.
    """
    catalog = read_catalog([root])
    with display(quiet) as show:
        bad = find_bad(
            catalog.entries, lambda done: show.count("decoding", done, len(catalog.entries))
        )
    for reason in (*catalog.reasons(), *bad):
        click.echo(printable(reason))
    click.echo(
        f"{len(catalog.entries) - len(bad):,} whole, {len(catalog.absent):,} missing,"
        f" {len(bad):,} bad"
    )


def _draw_sheet(works: Iterable[Painting[Pixels]], path: Path) -> None:
    pixels = gallery((work.picture, "\n".join([work.title, work.byline])) for work in works)
    write_bytes(path, encode_png(pixels, small=True))


def _thumbnail(picture: Image.Image, _: Path) -> Pixels:
    return thumbnail(picture, GALLERY_CELL)


def _say_skipped(skipped: list[str]) -> None:
    for reason in skipped:
        warn(notes(quiet=False), f"passed over: {reason}")


def _show(entries: list[Entry], catalog: Catalog) -> None:
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
