"""The options of the commands; those for the fields of a request are made from the contract."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import click

from octopusx_video import _defaults, _settings
from octopusx_video._command.console import STDOUT
from octopusx_video._messages import contract

if TYPE_CHECKING:
    from octopusx_video_openapi import Schema

MODEL_VARIABLE = "OCTOPUSX_MODEL"
_WRITTEN: Mapping[str, Mapping[str, Any]] = {
    "model": {"short": "-m", "envvar": MODEL_VARIABLE, "show_envvar": True},
    "prompt": {"short": "-p"},
    "aspect_ratio": {"metavar": "W:H"},
    "images": {"metavar": "URL"},
}
"""What the contract does not say of the option of a field: a short name, a variable, what stands for its value."""
_TYPES: Mapping[str, type] = {"boolean": bool, "integer": int, "number": float}


class _Seconds(click.types.FloatParamType):
    """A number of seconds.

    Args:
        or_zero: Whether 0 is allowed.
    """

    name = "seconds"

    def __init__(self, *, or_zero: bool) -> None:
        self._or_zero = or_zero

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if not math.isfinite(number) or number < 0 or not (number or self._or_zero):
            self.fail(f"{value!r} is not a number of seconds{'' if self._or_zero else ' above 0'}", param, ctx)
        if number >= _defaults.MAX_SECONDS:
            self.fail(f"{value!r} is too large; give a number of seconds below {_defaults.MAX_SECONDS:.0f}", param, ctx)
        return number


FROM_ZERO, ABOVE_ZERO = _Seconds(or_zero=True), _Seconds(or_zero=False)


def together(*decorators: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Several options as one decorator."""

    def decorate(function: Any) -> Any:
        for decorator in reversed(decorators):
            function = decorator(function)
        return function

    return decorate


COMMON = together(
    click.option(
        "--base-url",
        metavar="URL",
        help=f"API base URL. [env var: {_settings.URL_VARIABLE}; default: {contract.contract().server}]",
    ),
    click.option(
        "--request-timeout",
        type=ABOVE_ZERO,
        help="Maximum seconds to connect, and to wait for each part of a response, also of the response to the request "
        "that creates a task. "
        f"[default: {_defaults.CONNECT_SECONDS:g} and {_defaults.READ_SECONDS:g}]",
    ),
    click.option("--json", "as_json", is_flag=True, help="Print one JSON object, for an error too."),
    click.option("-q", "--quiet", is_flag=True, help="Do not show progress."),
)
WAITING = together(
    click.option(
        "--timeout",
        type=FROM_ZERO,
        default=_defaults.WAIT_SECONDS,
        help=f"Maximum seconds to wait for the task, which continues after that. [default: {_defaults.WAIT_SECONDS:g}]",
    ),
    click.option(
        "--poll-interval",
        type=ABOVE_ZERO,
        default=_defaults.POLL_SECONDS,
        help="Seconds between the first two status requests; later pauses are longer. "
        f"[default: {_defaults.POLL_SECONDS:g}]",
    ),
)


def saving(*, required: bool) -> Callable[[Any], Any]:
    """The options of a command that saves a video."""
    return together(
        click.option(
            "-o",
            "--output",
            metavar="FILE",
            type=click.Path(),
            required=required,
            help=f"Save the video as FILE; {STDOUT} writes it to standard output, and all else to standard error.",
        ),
        click.option("--overwrite", is_flag=True, help="Replace FILE if it exists."),
        click.option(
            "--accept-any",
            is_flag=True,
            help="Save what the service sends even if it is not a complete mp4 file.",
        ),
    )


UNIFIED = click.option("--unified", is_flag=True, help="Use the Unified Video routes (/v1/video).")


def fields(*operations: str) -> Callable[[Any], Any]:
    """An option for each field of the bodies of these operations, the required ones first."""
    fields = {field: name for name in reversed(operations) for field in contract.fields(name)}
    required = {field for field in fields if all(field in contract.body_schema(name).required for name in operations)}
    ordered = sorted(fields, key=lambda field: field not in required)
    return together(*(_field(fields[field], field, required=field in required) for field in ordered))


def _field(operation: str, name: str, *, required: bool) -> Callable[[Any], Any]:
    """The option of a field: its type and choices are those of its schema, its help is what the contract says."""
    schema = contract.fields(operation)[name]
    flag, text, kind = f"--{name.replace('_', '-')}", contract.summary(schema), _kind(schema)
    options: dict[str, Any] = {"required": required, "type": _TYPES.get(kind, str)}
    if kind == "array":
        flag, text = flag.removesuffix("s"), f"{text} May be given repeatedly."
        options |= {"multiple": True, "type": _TYPES.get(_kind(schema.items) if schema.items else "", str)}
    elif kind == "boolean":
        flag = f"{flag}/--no-{flag[2:]}"
        options["default"] = None
    elif schema.enum:
        values = {str(value): value for value in schema.enum}
        options |= {"type": click.Choice(list(values)), "callback": lambda _context, _option, value: values.get(value)}
    elif schema.unit == "seconds":
        options["metavar"] = "SECOND"
    default = contract.omitted(operation, name)
    written = dict(_WRITTEN.get(name, {}))
    flags = [written.pop("short"), flag] if "short" in written else [flag]
    return click.option(*flags, name, **options | written, help=f"{text} [default: {default}]" if default else text)


def _kind(schema: Schema) -> str:
    return next((kind for kind in schema.types if kind != "null"), "")


SUBMITTED = together(
    click.option("--wait", "waits", is_flag=True, help="Wait until the task has ended; implied by -o."),
    saving(required=False),
    WAITING,
    click.option(
        "--submit-timeout",
        type=ABOVE_ZERO,
        default=_defaults.SUBMIT_SECONDS,
        help="Maximum seconds for the service's response to the request that creates the task. After that it is not "
        f"known whether the task exists (exit status 3). [default: {_defaults.SUBMIT_SECONDS:g}]",
    ),
    COMMON,
)
