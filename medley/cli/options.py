"""Options made from the schemas in `settings`, so that no default or bound is written twice."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, get_args, get_origin

import click
from pydantic import TypeAdapter, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from medley.settings import Settings

Command = TypeVar("Command", bound=Callable[..., Any])
Schema = TypeVar("Schema", bound=Settings)


class FieldType(click.ParamType[Any]):
    """A value that a schema's field accepts; the field's own check gives the message."""

    def __init__(self, field: FieldInfo) -> None:
        """Take type and bounds from the field."""
        annotation: Any = field.annotation
        for constraint in field.metadata:
            annotation = Annotated[annotation, constraint]
        self._adapter: TypeAdapter[Any] = TypeAdapter(annotation)
        self._choices = _choices(field.annotation)
        self.name = "|".join(self._choices) or _metavar(field.annotation)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Check a value as the schema does."""
        try:
            return self._adapter.validate_python(value)
        except ValidationError as error:
            self.fail(f"'{value}': {message_of(error)}", param, ctx)


class TakesSeveral(click.Command):
    """A command whose --styles takes all the words that follow it, as a shell's * makes them."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Repeat the option before each of its words; a word that stands elsewhere is astray."""
        return super().parse_args(ctx, _repeat("--styles", args))


def _repeat(option: str, words: list[str]) -> list[str]:
    repeated: list[str] = []
    follows = False
    for word in words:
        if word.startswith("-"):
            follows = word.partition("=")[0] == option
        elif follows and repeated[-1] != option:
            repeated.append(option)
        repeated.append(word)
    return repeated


def settings_options(schema: type[Settings], *names: str) -> Callable[[Command], Command]:
    """Decorate a command with an option for each field of a schema, or for the fields named."""

    def decorate(command: Command) -> Command:
        for name in reversed(names or tuple(schema.model_fields)):
            field = schema.model_fields[name]
            if field.annotation is bool:
                flag = click.option(
                    f"--{name.replace('_', '-')}", is_flag=True, help=field.description
                )
                command = flag(command)
                continue
            kind = FieldType(field)
            default = None if field.default is PydanticUndefined else field.default
            command = click.option(
                f"--{name.replace('_', '-')}",
                name,
                type=kind,
                default=default,
                show_default=default is not None,
                metavar=kind.name.upper() if "|" not in kind.name else f"[{kind.name}]",
                help=field.description,
            )(command)
        return command

    return decorate


def read_settings(schema: type[Schema], values: dict[str, Any]) -> Schema:
    """Make a schema's instance from a command's options, ignoring options that are not its own.

    Raises:
        click.UsageError: the values contradict each other.
    """
    own = {name: values[name] for name in schema.model_fields if name in values}
    try:
        return schema(**own)
    except ValidationError as error:
        raise click.UsageError(message_of(error)) from None


def exclusive(first: str, second: str) -> None:
    """Refuse two options that say the same thing in different ways.

    Raises:
        click.UsageError: both were given on the command line.
    """
    source = click.get_current_context().get_parameter_source
    if all(source(name) != click.core.ParameterSource.DEFAULT for name in (first, second)):
        names = (f"--{name.replace('_', '-')}" for name in (first, second))
        raise click.UsageError(f"{' and '.join(names)} contradict each other; give one")


def message_of(error: ValidationError) -> str:
    """Put a schema's complaint into one line."""
    message = error.errors()[0]["msg"].removeprefix("Value error, ")
    return message[:1].lower() + message[1:]


def _choices(annotation: Any) -> tuple[str, ...]:
    return get_args(annotation) if get_origin(annotation) is Literal else ()


def _metavar(annotation: Any) -> str:
    kinds = {int: "n", float: "x", Path: "path"}
    for kind in (annotation, *get_args(annotation)):
        if kind in kinds:
            return kinds[kind]
    return "value"
