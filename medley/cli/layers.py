"""`medley layers`: the layers at which pictures can be compared."""

import json

import click

from medley.settings import VGG_LAYERS, StyleSettings


@click.command(short_help="List VGG-19's layers.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
def layers(as_json: bool) -> None:
    """List VGG-19's layers for --style-layers and --content-layers, from shallow to deep.

    The stride is how many pixels lie from one feature to the next, the field how many a feature
    depends on: deep layers see large shapes, shallow ones colours and grain.
    """
    plain = StyleSettings()
    used = {
        "style": plain.style_layer_weights,
        "content": plain.content_layer_weights,
    }
    rows = [
        {
            "layer": layer.name,
            "depth": depth,
            "channels": layer.channels,
            "stride": layer.stride,
            "field": layer.stride + 2 * layer.halo,
            "default": ", ".join(what for what, names in used.items() if layer.name in names),
        }
        for depth, layer in enumerate(VGG_LAYERS.values(), start=1)
    ]
    if as_json:
        click.echo(json.dumps(rows, indent=2))
    else:
        from medley.cli.console import show_table

        show_table(list(rows[0]), [list(row.values()) for row in rows])
