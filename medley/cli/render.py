"""`medley render`: from a photo and paintings to a film."""

from typing import Any, Literal

import click

from medley.cli.options import TakesSeveral
from medley.cli.render_options import read_order, render_options


@click.command(cls=TakesSeveral, short_help="Make a film: a photo repainted after many paintings.")
@render_options
@click.option(
    "--preview", type=click.Choice(["steps", "net"]), is_flag=False, flag_value="steps",
    help="Instead of the film draw a sheet, .png or .jpg, of a small, quick result after each"
    " painting; with net, larger and at once by the network that ships, after those that it knows."
    "  [default: FILM-preview.png]",
)  # fmt: skip
@click.option("--quiet", is_flag=True, help="Say nothing but errors and the film's path.")
def render(
    preview: Literal["steps", "net"] | None, quiet: bool, force: bool, **options: Any
) -> None:
    """Repaint a photo after each painting in turn, and cut every step of it into one film.

    \b
    medley render --content photo.jpg
    medley render --content photo.jpg --styles shipped --preview net
    medley render --content photo.jpg --styles glass gilded own.jpg --size 512

    All iterates stay in the workspace: the same command again, with --force to replace the film,
    takes no shot twice, and one that was interrupted or killed goes on where it stopped.
    """
    order = read_order(options)
    # Pictures take half a second to import; --help and a mistyped option should not wait for them.
    from medley.cli.render_run import make_render

    click.echo(make_render(order, preview, force, quiet))
