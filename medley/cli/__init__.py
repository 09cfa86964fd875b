"""The command line: one small file for each command; nothing below this floor prints or exits."""

import difflib
import errno
import importlib
import io
import logging
import os
import sys
from collections.abc import Sequence

import click

import medley
from medley.allocation import collect_seldom, fix_cublas_workspaces, give_back_large_blocks
from medley.cli.exits import EXITS, Ending, Interrupted
from medley.cli.words import in_options, printable
from medley.errors import ConfigError, MedleyError, word

COMMANDS = {
    "apply": "Repaint photos and clips by a style network, at once.",
    "assemble": "Make a film of shots or pictures that are already there.",
    "batch": "Make many films from one manifest.",
    "clip": "Repaint a clip while it drifts through paintings.",
    "export": "Write a style network as ONNX.",
    "layers": "List VGG-19's layers.",
    "plan": "Estimate the time, memory and disk of a render.",
    "presets": "Show what each --quality sets.",
    "quantize": "Store the float network in a few bits a weight.",
    "render": "Make a film: a photo repainted after many paintings.",
    "status": "Show how far the shots and films of a workspace are.",
    "styles": "List, draw and check paintings.",
    "stylize": "Repaint one picture, or a folder of them.",
    "sweep": "Compare networks of different bit widths in a film.",
    "train": "Train a small network that repaints photos at once, after paintings.",
    "walk": "Make a film that drifts through paintings without end.",
    "weights": "Fetch, import and look into the network's weights.",
    "workspace": "List, verify and clear the shots that are kept.",
}
"""What each command is for, so that --help need not import them."""

_SHOT = "; what was shot is kept, and the same command goes on from there"
_KEPT = dict.fromkeys(("batch", "clip", "render", "sweep", "walk"), _SHOT)
"""What an interrupted command leaves behind, however far it came; others say it as they stand."""

_FULL = (errno.ENOSPC, errno.EDQUOT)


class _Lazy(click.Group):
    """A group that imports a command's module, of the same name, when the command is wanted."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 (click's signature)
        """Name all commands, in the order of --help."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import a command, if there is one of that name."""
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"medley.cli.{cmd_name}")
        command: click.Command = getattr(module, cmd_name)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that is asked for, or suggest the one that may be meant."""
        name, *_ = args
        close = difflib.get_close_matches(name, COMMANDS, n=1)
        if close and name not in COMMANDS:
            ctx.fail(f"No such command '{name}' (did you mean '{close[0]}'?)")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Write the list of commands."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Write the list of exit codes."""
        with formatter.section("Exit codes"):
            formatter.write_dl([(str(code), meaning) for code, meaning in EXITS.items()])


@click.group(
    cls=_Lazy,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(medley.__version__, prog_name="medley")
def cli() -> None:
    """Make style-medley films: a photo repainted after many paintings, every iterate kept.

    \b
    medley render --content photo.jpg --styles paintings/
    """


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; what the user can mend becomes one line and a non-zero exit."""
    words = sys.argv[1:] if arguments is None else arguments
    _escape_what_streams_lack()
    # Read by OpenMP when torch is first imported. Threads that spin while they wait make a step
    # three to six times as slow as soon as anything else runs on the machine.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    give_back_large_blocks()
    collect_seldom()
    fix_cublas_workspaces()
    # Where its cache folder cannot be written to, it says so in two lines of no use to anyone here.
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    ending = Ending()
    try:
        with ending.answering():
            sys.exit(cli.main(words, prog_name="medley", standalone_mode=False))
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        sys.exit(error.exit_code)
    except click.UsageError as error:
        about = f"; see '{error.ctx.command_path} --help'" if error.ctx else ""
        click.echo(f"Error: {printable(error.format_message().rstrip('.'))}{about}", err=True)
        sys.exit(error.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except ConfigError as error:
        for fault in error.faults:
            click.echo(f"Error: {printable(word(fault, in_options))}", err=True)
        sys.exit(1)
    except MedleyError as error:
        click.echo(f"Error: {printable(error.worded(in_options))}", err=True)
        sys.exit(1)
    except OSError as error:  # such as a name too long, or a folder that may not be read
        way = "make room there" if error.errno in _FULL else "check that name and its permissions"
        click.echo(f"Error: {printable(str(error))}; {way}", err=True)
        sys.exit(1)
    except (click.Abort, KeyboardInterrupt) as stop:
        click.echo(f"{ending.words}{_kept(words, stop)}.", err=True)
        sys.exit(ending.code)


def _kept(words: Sequence[str], stop: BaseException) -> str:
    """Words for what an interrupted command leaves behind; click's own error hides the cause."""
    cause = stop.__cause__ if isinstance(stop, click.Abort) else stop
    if isinstance(cause, Interrupted):
        return cause.kept
    return _KEPT.get(words[0], "") if words else ""


def _escape_what_streams_lack() -> None:
    """Print letters that a stream's encoding lacks, as a title's may be, as escapes."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
