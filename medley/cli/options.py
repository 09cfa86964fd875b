"""Options made from the schemas in `settings`, so that no default or bound is written twice."""

from collections.abc import Callable, Collection, Mapping
from functools import wraps
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Literal, TypeVar, cast, get_args, get_origin

import click
from click.core import ParameterSource
from pydantic import ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from medley.cli.help import Grouped, SettingOption, by_worth
from medley.cli.words import as_set, in_options, option_of
from medley.settings import Order, RunSettings, Settings
from medley.settings.base import (
    UNSET,
    described,
    expanded,
    is_optional,
    is_set,
    item_of,
    not_empty,
    text_of,
)
from medley.settings.load import adapter_of, as_written, complaint, missing_in, refusal
from medley.settings.orders import order_names
from medley.settings.retired import RETIRED, warn_retired

Command = TypeVar("Command", bound=Callable[..., Any])
Schema = TypeVar("Schema", bound=Settings)


class FieldType(click.ParamType[Any]):
    """A value that a schema's field accepts; the field's own check gives the message."""

    def __init__(self, field: FieldInfo, can_be_unset: bool = False) -> None:
        """Take type and bounds from the field, and whether `UNSET` takes it back."""
        self._field, self._can_be_unset = field, can_be_unset
        self._adapter = adapter_of(field)
        is_choice = get_origin(field.annotation) is Literal
        self.name = "|".join(get_args(field.annotation)) if is_choice else _metavar(field)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Check a value as the schema does."""
        if self._can_be_unset and value == UNSET:
            return None
        try:
            return self._adapter.validate_python(value)
        except ValidationError as error:
            option = max(param.opts, key=len) if param else self.name
            told = refusal(option, self._field, value, error.errors()[0], in_options)
            raise click.UsageError(told, ctx) from None


class _FilePath(click.Path):
    """A path in which "~" is the user's home, also where a shell leaves it, as behind an "="."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Make a path."""
        try:
            return expanded(super().convert(not_empty(value), param, ctx))
        except ValueError as error:
            self.fail(str(error), param, ctx)


PATH = _FilePath(path_type=Path)


class TakesSeveral(Grouped):
    """A command with options that take all words that follow, as a shell's * makes them."""

    several: tuple[str, ...] = ("--styles",)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Repeat the option before each of its words; a word that stands elsewhere is astray."""
        return super().parse_args(ctx, _repeat(self.several, args))


def _repeat(options: Collection[str], words: list[str]) -> list[str]:
    repeated: list[str] = []
    option = ""
    for word in words:
        if word.startswith("-"):
            option = word.partition("=")[0]
        elif option in options and repeated[-1] != option:
            repeated.append(option)
        repeated.append(word)
    return repeated


def settings_options(
    schema: type[Settings], *names: str, about: Mapping[str, str] = MappingProxyType({})
) -> Callable[[Command], Command]:
    """Decorate a command with an option for each field of a schema.

    Args:
        schema: schema with the fields.
        names: names of the fields, if only some are meant.
        about: texts by name, where a field's description says more than is true of this command.
    """
    headings = by_worth(schema)

    def decorate(command: Command) -> Command:
        for name in reversed(names or tuple(headings)):
            field = schema.fields()[name]
            add = click.option(
                *_names(name, field),
                cls=SettingOption,
                heading=headings[name],
                help=about.get(name) or described(field, in_options),
                **_kind(name, field),
            )
            command = add(command)
        return command

    return decorate


def _names(name: str, field: FieldInfo) -> tuple[str, str]:
    option = option_of(name)
    has_two = field.annotation is bool and (field.default or name in order_names())
    return f"{option}/--no-{option[2:]}" if has_two else option, name


def _kind(name: str, field: FieldInfo) -> dict[str, Any]:
    """What click is told of a field's values; what a file may set, the option can take back."""
    if field.annotation is bool:
        return {"is_flag": True, "default": field.default, "show_default": field.default}
    is_text = text_of(field) is not None
    is_list = get_origin(field.annotation) is tuple and not is_text
    can_be_unset = is_optional(field) and name in order_names()
    kind = FieldType(item_of(field) if is_list else field, can_be_unset)
    metavar = kind.name.upper() if "|" not in kind.name else f"[{kind.name}]"
    default = None if field.default is PydanticUndefined else field.default
    if is_text and default is not None:
        default = as_written(field, default)  # which --help shows
    return {
        "type": kind,
        "default": default,
        "multiple": is_list,
        "show_default": default not in (None, ()),
        "metavar": f"{metavar}|{UNSET}" if can_be_unset else metavar,
        "callback": _take_back if is_list else None,
    }


def _take_back(_: click.Context, param: click.Parameter, values: tuple[Any, ...]) -> Any:
    """Make an option that may be given several times empty where it was taken back."""
    if None in values and len(values) > 1:
        raise click.UsageError(f"{param.opts[0]} {UNSET} takes all of them back; give it alone")
    return () if None in values else values


def workspace_options(command: Command) -> Command:
    """Decorate a command with the workspace that it is about, as an argument or as an option."""

    @wraps(command)
    def merged(folder: Path | None, workspace: Path, **others: Any) -> Any:
        if folder and is_given("workspace"):
            raise click.UsageError(f"'{folder}' and --workspace name two workspaces; give one")
        return command(workspace=folder or workspace, **others)

    named = click.argument("folder", metavar="[WORKSPACE]", type=PATH,
                           required=False)  # fmt: skip
    return cast(Command, named(settings_options(RunSettings, "workspace")(merged)))


def retired_options(command: Command) -> Command:
    """Decorate a command with options that older versions had: taken, not shown, and ignored."""

    def ignore(_: click.Context, param: click.Parameter, value: str | None) -> None:
        if value is not None:
            warn_retired(param.opts[0])

    for name in sorted(RETIRED):
        option = click.option(option_of(name), hidden=True, expose_value=False, callback=ignore)
        command = option(command)
    return command


def content_option(order: type[Order]) -> Callable[[Command], Command]:
    """Decorate a command with the one photo of its film."""
    field = order.fields()["content"]
    about = f"{described(field, in_options)}  [required]"
    return click.option("--content", type=FieldType(field), help=about)


def styles_option(*names: str, otherwise: str) -> Callable[[Command], Command]:
    """Decorate a command with the paintings of its film.

    Args:
        names: names of the option.
        otherwise: words for what happens without it.
    """
    return click.option(
        *names,
        "styles",
        type=PATH,
        multiple=True,
        metavar="DIR_OR_FILES...",
        help=f"{Order.model_fields['styles'].description}  [{otherwise}]",
    )


def output_option(default: str) -> Callable[[Command], Command]:
    """Decorate a command with the name of its film, in one of the formats that there are."""
    field = Order.model_fields["output"]
    about = f"{field.description}  [default: {default}]"
    return click.option(
        "-o", "--output", **_kind("output", field) | {"show_default": False}, help=about
    )


def original_options(pictures: str) -> Callable[[Command], Command]:
    """Decorate a command with the float weights that it starts from, and pictures to try them on.

    Args:
        pictures: words for what the pictures do.
    """
    places = click.option(
        "--pictures", type=PATH, multiple=True,
        help=f"Folders or pictures {pictures}.  [default: the paintings that ship]",
    )  # fmt: skip
    original = click.option(
        "--original", type=PATH,
        help="Float weights, such as weights import makes.  [default: what was fetched]",
    )  # fmt: skip
    return lambda command: places(original(command))


def read_settings(schema: type[Schema], values: dict[str, Any]) -> Schema:
    """Make a schema's instance from a command's options, ignoring options that are not its own.

    Raises:
        click.UsageError: the values contradict each other, or one that is needed is missing.
    """
    own = {name: values[name] for name in schema.fields() if is_set(values.get(name))}
    try:
        return schema.of(**own)
    except ValidationError as error:
        _refuse_missing(missing_in(error))
        raise click.UsageError(complaint(error.errors()[0], as_set)) from None


def _refuse_missing(names: Collection[str]) -> None:
    context = click.get_current_context()
    for param in context.command.params:
        if param.name in names:
            raise click.MissingParameter(ctx=context, param=param)


def exclusive(first: str, second: str) -> None:
    """Refuse two options that say the same thing in different ways.

    Raises:
        click.UsageError: both were given on the command line.
    """
    if is_given(first) and is_given(second):
        raise contradiction(first, second)


def contradiction(first: str, second: str) -> click.UsageError:
    """The complaint that two options say the same thing in different ways."""
    return click.UsageError(
        f"{option_of(first)} and {option_of(second)} contradict each other; give one"
    )


def is_given(name: str) -> bool:
    """Whether an option of the running command has a value other than by default."""
    source = click.get_current_context().get_parameter_source(name)
    return source != ParameterSource.DEFAULT


def _metavar(field: FieldInfo) -> str:
    if text := text_of(field):
        return "path" if text.is_path else "value"
    kinds = {int: "n", float: "x", Path: "path"}
    for part in (field.annotation, *get_args(field.annotation)):
        kind = get_args(part)[0] if get_origin(part) is Annotated else part
        if kind in kinds:
            return kinds[kind]
    return "value"
