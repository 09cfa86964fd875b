"""`medley batch`: many films from one manifest, unattended."""

import json
import sys
from pathlib import Path
from typing import Any

import click

from medley.cli.help import Once
from medley.cli.options import PATH, read_settings, settings_options
from medley.settings import EngineSettings
from medley.settings.manifest_schema import manifest_schema


@click.command(cls=Once, short_help="Make many films from one manifest.")
@click.argument("manifest", type=PATH, required=False)
@settings_options(EngineSettings)
@click.option("--workspace", type=PATH, help="Keeps all iterates, instead of the manifest's.")
@click.option("--check", is_flag=True, help="Say what is wrong, or what it would take, and stop.")
@click.option("--json", "as_json", is_flag=True, help="With --check: print one JSON object.")
@click.option("--schema", is_flag=True, help="Print the manifest's JSON Schema, for editors.")
@click.option("--yes", is_flag=True, help="Make more than 10,000 films.")
@click.option("--force", is_flag=True, help="Replace films that were made otherwise.")
@click.option("--quiet", is_flag=True, help="Say nothing but what failed and the films' paths.")
@click.option(
    "--log-json", type=PATH, metavar="FILE",
    help="Log every event and step there, one JSON object a line.",
)  # fmt: skip
@click.option(
    "--page", type=PATH, metavar="FILE",
    help="The summary page.  [default: MANIFEST.html in the films' folder]",
)  # fmt: skip
def batch(
    manifest: Path | None,
    workspace: Path | None,
    check: bool,
    as_json: bool,
    schema: bool,
    yes: bool,
    force: bool,
    quiet: bool,
    log_json: Path | None,
    page: Path | None,
    **options: Any,
) -> None:
    """Make all films that MANIFEST asks for, each as soon as its last shot is taken.

    \b
    medley batch films.toml --check
    medley batch films.toml --devices cuda:0,cuda:1

    A shot that several films need is taken once, and one that is finished never again: the same
    command goes on where it was interrupted or killed. What fails is reported at the end; every
    other film is made.
    """
    if schema:
        click.echo(json.dumps(manifest_schema(), indent=2))
        return
    if manifest is None:
        raise click.UsageError("name a MANIFEST, such as films.toml")
    if as_json and not check:
        raise click.UsageError("--json is for --check; for a run there is --log-json FILE")
    settings = read_settings(EngineSettings, options)
    # Pictures take half a second to import; --help and a mistyped option should not wait for them.
    from medley.cli.batch_run import Request, run_batch

    request = Request(manifest, workspace, check, yes, force, quiet, log_json, page, as_json)
    sys.exit(run_batch(request, settings))
