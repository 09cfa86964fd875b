"""The command line: one small file for each command; nothing below this floor prints or exits."""

import logging
import os
import sys
from collections.abc import Sequence

import click

import medley
from medley.allocation import give_back_large_blocks
from medley.cli.assemble import assemble
from medley.cli.batch import batch
from medley.cli.layers import layers
from medley.cli.plan import plan
from medley.cli.presets import presets
from medley.cli.quantize import quantize
from medley.cli.render import render
from medley.cli.status import status
from medley.cli.styles import styles
from medley.cli.stylize import stylize
from medley.cli.sweep import sweep
from medley.cli.walk import walk
from medley.cli.weights import weights
from medley.cli.words import INTERRUPTED, printable
from medley.cli.workspace import workspace
from medley.errors import ConfigError, MedleyError


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(medley.__version__, prog_name="medley")
def cli() -> None:
    """Make style-medley films: a photo repainted after many paintings, every iterate kept.

    \b
    medley render --content photo.jpg --styles paintings/
    """


cli.add_command(batch)
cli.add_command(render)
cli.add_command(assemble)
cli.add_command(layers)
cli.add_command(plan)
cli.add_command(presets)
cli.add_command(quantize)
cli.add_command(styles)
cli.add_command(status)
cli.add_command(stylize)
cli.add_command(sweep)
cli.add_command(walk)
cli.add_command(weights)
cli.add_command(workspace)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; what the user can mend becomes one line and a non-zero exit."""
    # Read by OpenMP when torch is first imported. Threads that spin while they wait make a step
    # three to six times as slow as soon as anything else runs on the machine.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    give_back_large_blocks()
    # Where its cache folder cannot be written to, it says so in two lines of no use to anyone here.
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    try:
        sys.exit(cli.main(arguments, prog_name="medley", standalone_mode=False))
    except click.UsageError as error:
        about = f"; see '{error.ctx.command_path} --help'" if error.ctx else ""
        click.echo(f"Error: {printable(error.format_message().rstrip('.'))}{about}", err=True)
        sys.exit(error.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except ConfigError as error:
        for fault in error.args:
            click.echo(f"Error: {printable(fault)}", err=True)
        sys.exit(1)
    except MedleyError as error:
        click.echo(f"Error: {printable(str(error))}", err=True)
        sys.exit(1)
    except OSError as error:  # such as a name too long, or a folder that may not be read
        click.echo(f"Error: {printable(str(error))}; check that name and its permissions", err=True)
        sys.exit(1)
    except (click.Abort, KeyboardInterrupt):
        click.echo(
            "Interrupted; what was shot is kept, and the same command goes on from there.",
            err=True,
        )
        sys.exit(INTERRUPTED)
