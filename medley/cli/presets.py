"""`medley presets`: what each --quality means."""

import math

import click

from medley.settings.presets import DEVICE_KINDS, MEANINGS, QUALITIES, preset
from medley.settings.shot import LookSettings


@click.command(short_help="Show what each --quality sets.")
def presets() -> None:
    """Show what each --quality sets; options and a --config beside it win."""
    from medley.cli.console import show_table

    rows = []
    for quality in QUALITIES:
        for kind in DEVICE_KINDS:
            meant = LookSettings(**preset(quality, kind))
            side = round(math.sqrt(meant.pixels))
            kept = "every" if meant.keep_every == 1 else f"1 in {meant.keep_every}"
            about = MEANINGS[quality] if kind == DEVICE_KINDS[0] else ""
            size = f"{side} x {side}"
            rows.append([quality, kind, size, meant.steps, meant.scales, kept, about])
    show_table(["quality", "on", "size", "steps", "scales", "iterates kept", "for"], rows)
    click.echo("Sizes are areas in pixels. The GPU's values are reasoned, not run.")
