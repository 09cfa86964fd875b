"""The summary of a batch as one HTML page: every film with its poster, and all failures."""

import os
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

import jinja2

from medley.errors import Wording, words_of
from medley.files import write_bytes
from medley.studio.editing.outputs import Outputs
from medley.studio.run import Report

_PAGE = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string("""\
<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ title }}</title><style>
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
</style></head><body>
<h1>{{ title }}</h1>
<p>{{ count }} are there.</p>
{% if failed %}
<table class="failed"><tr><th>film</th><th>why it is not there</th></tr>
{% for film, why in failed %}
<tr><td>{{ film }}</td><td>{{ why }}</td></tr>
{% endfor %}
</table>
{% endif %}
<main>
{% for film in films %}
<figure><a href="{{ film.path }}"><img src="{{ film.poster }}" alt="poster of {{ film.name }}"
 loading="lazy"></a><figcaption><a href="{{ film.path }}">{{ film.name }}</a>
<small>{{ film.shots }} shot{{ "" if film.shots == 1 else "s" }};
 <a href="{{ film.poster }}">poster</a>, <a href="{{ film.sidecar }}">how it was made</a></small>
</figcaption></figure>
{% endfor %}
</main></body></html>
""")


def write_page(path: Path, title: str, report: Report, wording: Wording = str) -> None:
    """Write the page; films, posters and sidecars are linked by paths relative to it.

    Args:
        path: file of the page.
        title: heading of the page.
        report: report of the batch's run.
        wording: function that words the settings that errors name.

    Raises:
        OutputError: the file cannot be written.
    """
    there = [film for film in report.films if not film.error]
    text = _PAGE.render(
        title=title,
        count=f"{len(there):,} of {len(report.films):,} films",
        failed=[(film.key, words_of(film.error, wording)) for film in report.failures],
        films=[_links(path.parent, Path(film.key), film.steps) for film in there],
    )
    write_bytes(path, text.encode(errors="xmlcharrefreplace"))


def common_folder(films: Sequence[Path]) -> Path:
    """The deepest folder that contains all films."""
    return Path(os.path.commonpath([film.absolute().parent for film in films]))


def _links(folder: Path, film: Path, shots: int) -> dict[str, str | int]:
    outputs = Outputs(film)
    return {
        "name": film.stem,
        "shots": shots,
        "path": _link(folder, film),
        "poster": _link(folder, outputs.poster),
        "sidecar": _link(folder, outputs.sidecar),
    }


def _link(folder: Path, path: Path) -> str:
    relative = os.path.relpath(path.absolute(), folder.absolute())
    return quote(os.fsencode(Path(relative).as_posix()))
