"""Which operation a request is for: one matcher of paths, in which a concrete path goes before a template (R58)."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping
from typing import NamedTuple
from urllib.parse import unquote

from octopusx_video_openapi.contract import Contract
from octopusx_video_openapi.operation import Operation

_PARAMETER = re.compile(r"\{([^{}]+)\}")


class Match(NamedTuple):
    """The operation that a request is for.

    Attributes:
        operation: The operation.
        values: The decoded values of the parameters of its path, by name.
    """

    operation: Operation
    values: Mapping[str, str]


@functools.lru_cache(maxsize=4096)  # it is asked several times of each request
def match(contract: Contract, method: str, path: str) -> Match | None:
    """The operation that a request is for; None where it is for none. The values are not to be changed.

    Args:
        contract: The contract.
        method: In whatever case.
        path: The path without its query, encoded as it was sent.
    """
    method = method.upper()
    own = contract.paths.get(path, {})
    if method in own:
        return Match(own[method], {})
    for template, methods in contract.paths.items():
        values = matched(template, path) if method in methods and "{" in template else None
        if values is not None:
            return Match(methods[method], values)
    return None


def methods(contract: Contract, path: str) -> set[str]:
    """The methods, in upper case, that the contract has for a path, its own and those of a template that fits."""
    fitting = (methods for template, methods in contract.paths.items() if matched(template, path) is not None)
    return {method for methods in fitting for method in methods}


def matched(template: str, path: str) -> Mapping[str, str] | None:
    """The decoded values of a template's parameters in an encoded path, by name; None where it does not fit."""
    found = _compiled(template).fullmatch(path)
    return found and dict(zip(names(template), map(unquote, found.groups()), strict=True))


def names(template: str) -> tuple[str, ...]:
    """The names of a template's parameters, in their order."""
    return tuple(_PARAMETER.findall(template))


def filled(template: str, value: Callable[[str], str]) -> str:
    """A template with a value in the place of each parameter; ``value`` gives it, encoded, for the parameter's name."""
    return _PARAMETER.sub(lambda found: value(found[1]), template)


def expression(template: str, segment: str = "[^/]+") -> str:
    """The regular expression of a template's paths, with a group for each parameter.

    Args:
        template: The path template.
        segment: The expression of a parameter's value.
    """
    parts = _PARAMETER.split(template)
    return "".join(f"({segment})" if index % 2 else re.escape(part) for index, part in enumerate(parts))


@functools.cache
def _compiled(template: str) -> re.Pattern[str]:
    return re.compile(expression(template))
