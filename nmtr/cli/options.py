"""Options in their written form: each of a run's as a flag, and lists and mappings as text."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal, get_args, get_origin

import typer
from pydantic.fields import FieldInfo

from nmtr.config import RunConfig
from nmtr.errors import ConfigError

#: How the options look whose form their type does not tell.
_FORMS = {
    "data": "NAME",
    "behaviors": "B,B,…",
    "unit": "UNIT|B=UNIT,B=UNIT,…",
    "method": "METHOD",
    "sample": "B=X,B=X,…",
    "lambdas": "W,W,…",
}

_SUCH_AS = {"--lambdas": "0.4,0.6 or 1/3,2/3", "--sample": "cart=0.5 or cart=1/2", "--step": "0.1 or 1/6"}


def takes_config(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command with `**options` a flag for each of RunConfig's fields; `options` has None where it is not given.

    What is given stays text, for `parsed` and the config to read: the config says what is wrong with it.
    """
    own = inspect.signature(command, eval_str=True).parameters.values()
    flags = [_flag(name, field) for name, field in RunConfig.model_fields.items()]
    parameters = [*flags, *(parameter for parameter in own if parameter.kind is not parameter.VAR_KEYWORD)]
    vars(command)["__signature__"] = inspect.Signature(parameters)
    return command


def _flag(name: str, field: FieldInfo) -> inspect.Parameter:
    word = name.replace("_", "-")
    is_switch = field.annotation is bool
    default = field.get_default(call_default_factory=True)
    shown = f" [default: {default}]" if not is_switch and default not in (None, ()) else ""
    option = typer.Option(
        f"--{word}/--no-{word}" if is_switch else f"--{word}",
        metavar=None if is_switch else _FORMS.get(name) or _form(field.annotation),
        help=f"{field.description}{shown}",
        show_default=False,
    )
    annotation = Annotated[bool | None, option] if is_switch else Annotated[str | None, option]
    return inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=None, annotation=annotation)


def _form(annotation: Any) -> str:
    """`a|b` for a choice, N for a whole number, else X; of the type, or of what stands beside None in it."""
    if get_origin(annotation) is Literal:
        return "|".join(get_args(annotation))
    if kinds := [kind for kind in get_args(annotation) if kind is not type(None)]:
        return _form(kinds[0])
    return "N" if annotation is int else "X"


def parsed(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options that were given, lists and mappings read from their text; ConfigError where they look otherwise."""
    found = {name: value for name, value in options.items() if value is not None}
    if "behaviors" in found:
        found["behaviors"] = names(found["behaviors"], "--behaviors")
    if "lambdas" in found:
        given = found["lambdas"].strip()  # if empty, for the config to refuse
        found["lambdas"] = tuple(number(part, "--lambdas") for part in given.split(",")) if given else ()
    if "sample" in found:
        shares = pairs(found["sample"], "--sample")
        found["sample"] = {behavior: number(share, "--sample") for behavior, share in shares.items()}
    if "=" in found.get("unit", ""):
        found["unit"] = pairs(found["unit"], "--unit")
    return found


def names(text: str, option: str) -> tuple[str, ...]:
    """``view,cart,buy`` as a tuple; ConfigError where a name is empty."""
    found = tuple(part.strip() for part in text.split(","))
    if not all(found):
        raise ConfigError(f"{option} must be names with commas between them, such as view,buy; got {text!r}.")
    return found


def pairs(text: str, option: str, empty: bool = False) -> dict[str, str]:
    """``a=x,b=y`` as a dictionary, with ``c=`` if values may be empty; ConfigError where it is none."""
    found: dict[str, str] = {}
    for part in text.split(","):
        key, separator, value = (piece.strip() for piece in part.partition("="))
        if not (key and separator and (value or empty)) or key in found:
            raise ConfigError(f"{option} must look like name=value,name=value with each name once; got {text!r}.")
        found[key] = value
    return found


def bounds(text: str, option: str) -> tuple[float, float]:
    """``10-25`` as a pair; ConfigError where it is none, or falls."""
    low, _, high = text.partition("-")
    try:
        found = float(low), float(high)
    except ValueError:
        found = 1.0, 0.0
    if not found[0] <= found[1]:
        raise ConfigError(f"{option} must look like 10-25, from the lower to the higher; got {text}.")
    return found


def whole_number(option: str, low: int, high: int) -> Callable[[Any], int]:
    """Reads a flag's whole number, or takes its default; ConfigError where it is none, or out of range."""

    def read(given: Any) -> int:
        try:
            found = int(given)
        except ValueError:
            found = low - 1
        if not low <= found <= high:
            raise ConfigError(f"{option} must be a whole number from {low} to {high}; got {given}.")
        return found

    return read


def count(option: str, low: int, high: int, about: str, metavar: str = "N") -> Any:
    """A flag that takes a whole number in this range, and has no default to show."""
    return typer.Option(parser=whole_number(option, low, high), metavar=metavar, help=about, show_default=False)


def whole_numbers(text: str, option: str) -> tuple[int, ...]:
    """``5,9,13`` as a tuple; ConfigError where a part is no whole number of 0 or more."""
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdecimal() and len(part) < 10 for part in parts):
        raise ConfigError(f"{option} must be whole numbers with commas between them, such as 5,9,13; got {text!r}.")
    return tuple(map(int, parts))


def number(text: str, option: str) -> float:
    """A number, or a fraction such as 1/3; ConfigError where it is neither."""
    above, slash, below = text.partition("/")
    try:
        return float(above) / float(below) if slash else float(above)
    except (ValueError, ZeroDivisionError):
        raise ConfigError(
            f"{option} must be numbers or fractions, such as {_SUCH_AS[option]}; got {text.strip()!r}."
        ) from None
