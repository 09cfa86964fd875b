"""A batch's summary as one HTML page: every film with its poster, and what failed."""

import os
from collections.abc import Sequence
from html import escape
from pathlib import Path
from urllib.parse import quote

from medley.files import write_bytes
from medley.studio.batches.batch import FilmEnd, Report
from medley.studio.editing.cut import Outputs

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 80rem; padding: 0 1rem;
       color: #222; background: #fafafa }
main { display: grid; gap: 1.5rem; grid-template-columns: repeat(auto-fill, minmax(18rem, 1fr)) }
figure { margin: 0; background: #fff; border: 1px solid #ddd; border-radius: 6px; overflow: hidden }
img { display: block; width: 100%; height: 14rem; object-fit: cover; object-position: top }
figcaption { padding: .6rem .9rem; overflow-wrap: anywhere }
small { color: #666; display: block }
table { border-collapse: collapse; margin-bottom: 2rem }
td, th { text-align: left; padding: .3rem .8rem; border-bottom: 1px solid #ddd; vertical-align: top;
         overflow-wrap: anywhere }
.failed { color: #a00 }
@media (prefers-color-scheme: dark) {
  body { background: #181818; color: #ddd } figure { background: #222; border-color: #444 }
  td, th { border-color: #444 } a { color: #8ab4f8 } .failed { color: #f88 } }
"""


def write_page(path: Path, title: str, report: Report) -> None:
    """Write the page; films, posters and sidecars are linked by paths relative to it.

    Args:
        path: of the page.
        title: at its top.
        report: what is shown.

    Raises:
        OutputError: it cannot be written.
    """
    write_bytes(path, _page(path.parent, title, report).encode(errors="xmlcharrefreplace"))


def common_folder(films: Sequence[Path]) -> Path:
    """The folder in which all films lie, at whatever depth."""
    return Path(os.path.commonpath([film.absolute().parent for film in films]))


def _page(folder: Path, title: str, report: Report) -> str:
    there = [film for film in report.films if not film.error]
    failed = report.failures
    count = f"{len(there):,} of {len(report.films):,} films"
    parts = [
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body>",
        f"<h1>{escape(title)}</h1>",
        f"<p>{count} are there.</p>",
    ]
    if failed:
        rows = (
            f"<tr><td>{escape(film.film)}</td><td>{escape(film.error or '')}</td></tr>"
            for film in failed
        )
        parts += ['<table class="failed"><tr><th>film</th><th>why it is not there</th></tr>']
        parts += [*rows, "</table>"]
    parts += ["<main>", *(_figure(folder, film) for film in there), "</main></body></html>\n"]
    return "\n".join(parts)


def _figure(folder: Path, end: FilmEnd) -> str:
    outputs = Outputs(Path(end.film))
    film, poster, sidecar = (
        _link(folder, path) for path in (outputs.film, outputs.poster, outputs.sidecar)
    )
    name = escape(outputs.film.stem)
    shots = f"{end.shots} shot{'' if end.shots == 1 else 's'}"
    return (
        f'<figure><a href="{film}"><img src="{poster}" alt="poster of {name}" loading="lazy"></a>'
        f'<figcaption><a href="{film}">{name}</a><small>{shots};'
        f' <a href="{poster}">poster</a>, <a href="{sidecar}">how it was made</a></small>'
        "</figcaption></figure>"
    )


def _link(folder: Path, path: Path) -> str:
    relative = os.path.relpath(path.absolute(), folder.absolute())
    return escape(quote(os.fsencode(Path(relative).as_posix())))
