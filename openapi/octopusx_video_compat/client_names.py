"""What changes of the names that the generated client makes of a contract: methods, parameters, models, attributes.

The generator itself reads the contract, as it does for ``nox -s generate``, so that its names are those of the client.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from octopusx_video_openapi import Contract, ContractError
from octopusx_video_openapi.document import Json, Pointer

from octopusx_video_compat.difference import CALLERS, NOBODY, Difference

CLIENT = "octopusx_video_client"
_NO_CODE = {"description", "summary", "example", "data", "roots", "errors"}
"""Attributes of what the generator has read that make no code: texts, and parts of the document."""
_TEXTS = {"description", "summary"}
_UNREAD = {
    *("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "pattern", "minLength", "maxLength"),
    *("minItems", "maxItems", "uniqueItems", "example", "examples", "headers", "links"),
}
"""The keys of OpenAPI of which the generator makes no code."""
_NAMES_OF_VALUES = "x-enum-varnames"
"""The one key that the generator reads and OpenAPI does not have."""
_DATA = {"const", "default", "enum"}
_MAPS = {
    *("callbacks", "content", "parameters", "paths", "properties", "requestBodies", "responses", "schemas"),
    "securitySchemes",
}
"""The keys of an OpenAPI document under which each key is a name."""
SETTINGS = Path(__file__).resolve().parents[2] / "generated" / "generator.yaml"


class Method(NamedTuple):
    """A method of the client.

    Attributes:
        operation: The id of its operation.
        positions: Its parameters that are given by position, in their order.
        keywords: Its other parameters, and whether each is required.
    """

    operation: str
    positions: tuple[str, ...]
    keywords: Mapping[str, bool]


class Model(NamedTuple):
    """A model of the client.

    Attributes:
        attributes: Its attributes in the order of its positional arguments, the required ones first; for each, what its
            values can be: the kinds of the generator's properties, those of JSON's own values being ``plain``.
        is_open: Whether it has ``additional_properties``.
        is_sent: Whether callers make one, as the body of a request or as a part of it.
    """

    attributes: Mapping[str, frozenset[str]]
    is_open: bool
    is_sent: bool


class Names(NamedTuple):
    """The names of a client.

    Attributes:
        methods: By module and name, such as ``api.videos.extend_video``.
        models: By name.
        enumerations: Their names.
    """

    methods: Mapping[str, Method]
    models: Mapping[str, Model]
    enumerations: frozenset[str]


def of_names(base: Contract, new: Contract) -> Iterator[Difference]:
    """Names of the client that are gone, changed or new.

    Raises:
        ContractError: The generator can't read a contract.
    """
    old, now = names(base), names(new)
    for name, method in old.methods.items():
        if name in now.methods:
            yield from _of_method(name, method, now.methods[name], _operation(new, now.methods[name].operation))
        else:
            text = f"{CLIENT}.{name} was there and is gone"
            pointer, in_base = _operation(base, method.operation), True
            yield Difference("client-method", name, pointer, CALLERS, text, 2, example=f"{name}(...)", in_base=in_base)
    for name, model in old.models.items():
        if name in now.models:
            yield from _of_model(name, model, now.models[name])
        else:
            yield _gone("model", name)
    yield from (_gone("enumeration", name) for name in sorted(old.enumerations - now.enumerations))
    for kind, before, after in (
        ("method", old.methods.keys(), now.methods.keys()),
        ("model", old.models.keys(), now.models.keys()),
        ("enumeration", old.enumerations, now.enumerations),
    ):
        for name in sorted(after - before):
            yield Difference(f"client-{kind}-added", name, _model(name), NOBODY, f"the {kind} {name} is new", 2)


@functools.lru_cache(maxsize=8)
def names(contract: Contract) -> Names:
    """The names that the generator makes of a contract.

    Raises:
        ContractError: The generator can't read it.
    """
    read = _read(contract)
    sent = _sent([body.prop for _, one in read.endpoints for body in one.bodies])
    return Names(
        methods={f"api.{tag}.{one.name}": _method(one) for tag, one in read.endpoints},
        models={
            model.class_info.name: Model(
                attributes={
                    str(one.python_name): frozenset(_kinds(one))
                    for one in [*(model.required_properties or ()), *(model.optional_properties or ())]
                },
                is_open=bool(model.additional_properties),
                is_sent=model.class_info.name in sent,
            )
            for model in read.models
        },
        enumerations=frozenset(one.class_info.name for one in read.enumerations),
    )


@functools.lru_cache(maxsize=8)
def code(contract: Contract) -> Json:
    """All that the generator makes code of: the client of two contracts is the same where this is.

    Raises:
        ContractError: The generator can't read it.
    """
    return _code([*_read(contract)])


class _Read(NamedTuple):
    """What the generator has read: its endpoints with their tags, its models and its enumerations."""

    endpoints: list[tuple[str, Any]]
    models: list[Any]
    enumerations: list[Any]


class _UnreadableError(Exception):
    """The generator can't read a document. The text is what it said."""


def _for_generator(node: Json, *, is_map: bool = False) -> Json:
    """A part of a document without what makes no code, so that the generator need not read another text again.

    Args:
        node: The part.
        is_map: Whether its keys are names, such as those of fields.
    """
    if isinstance(node, list):
        return [_for_generator(part) for part in node]
    if not isinstance(node, dict):
        return node
    if is_map:
        return {name: _for_generator(part) for name, part in node.items()}
    made: dict[str, Json] = {}
    for key, value in node.items():
        if key in _TEXTS and isinstance(value, str):
            made[key] = ""  # it refuses a response without one
        elif key in _DATA:
            made[key] = value
        elif key not in _UNREAD and (not key.startswith("x-") or key == _NAMES_OF_VALUES):
            made[key] = _for_generator(value, is_map=key in _MAPS)
    return made


def _read(contract: Contract) -> _Read:
    try:
        return _read_of(json.dumps(_for_generator(json.loads(contract.text()))))
    except _UnreadableError as error:
        raise ContractError.at(contract.path, None, f"openapi-python-client can't read it: {error}") from None


@functools.lru_cache(maxsize=8)
def _read_of(text: str) -> _Read:
    from openapi_python_client.parser.openapi import GeneratorData  # noqa: PLC0415 - slow, and others need it not

    data: Any = GeneratorData.from_dict(json.loads(text), config=_settings())
    if not isinstance(data, GeneratorData):
        raise _UnreadableError(f"{data.header}; {data.detail}")
    tags = data.endpoint_collections_by_tag.items()
    return _Read([(str(tag), one) for tag, tagged in tags for one in tagged.endpoints], [*data.models], [*data.enums])


@functools.cache
def _settings() -> Any:
    from openapi_python_client.config import Config, ConfigFile, MetaType  # noqa: PLC0415

    file = ConfigFile.load_from_path(SETTINGS)
    return Config.from_sources(file, MetaType.NONE, "", "utf-8", overwrite=False, output_path=None)


def _code(parsed: Any) -> Json:
    """What the generator has read, without what it writes into docstrings or does not write at all."""
    if isinstance(parsed, dict):
        return {key: _code(value) for key, value in parsed.items()}
    if isinstance(parsed, list | tuple):
        return [_code(value) for value in parsed]
    fields = getattr(parsed, "__attrs_attrs__", None) or getattr(parsed, "__dataclass_fields__", {}).values()
    kept = {one.name: _code(getattr(parsed, one.name)) for one in fields if one.name not in _NO_CODE}
    return [type(parsed).__name__, kept] if kept else parsed


def _method(endpoint: Any) -> Method:
    others = [*endpoint.query_parameters, *endpoint.header_parameters]
    keywords = {str(one.python_name): bool(one.required) for one in others}
    if endpoint.bodies:
        keywords["body"] = all(body.prop.required for body in endpoint.bodies)
    return Method(str(endpoint.name), tuple(str(one.python_name) for one in endpoint.path_parameters), keywords)


def _kinds(one: Any) -> Iterator[str]:
    """What the values of a property of the generator can be."""
    for inner in getattr(one, "inner_properties", None) or []:
        yield from _kinds(inner)
    if getattr(one, "inner_property", None):
        yield from (f"list of {kind}" for kind in _kinds(one.inner_property))
    kind = type(one).__name__.removesuffix("Property")
    if kind in {"Model", "Date", "DateTime", "Uuid", "File"}:
        yield kind.lower()
    elif kind not in {"Union", "List"}:
        yield "plain"


def _sent(properties: list[Any]) -> set[str]:
    """The names of the models of some properties, and of those within them."""
    found: set[str] = set()
    rest = list(properties)
    while rest:
        one = rest.pop()
        name = one.class_info.name if hasattr(one, "class_info") else None
        if name in found:
            continue
        found |= {name} if name else set()
        rest += getattr(one, "required_properties", None) or []
        rest += getattr(one, "optional_properties", None) or []
        rest += getattr(one, "inner_properties", None) or []
        rest += [one.inner_property] if getattr(one, "inner_property", None) else []
    return found


def _of_method(name: str, old: Method, new: Method, pointer: Pointer) -> Iterator[Difference]:
    place = (*pointer, "parameters")
    if new.positions[: len(old.positions)] != old.positions:
        text = f"{name} took {_listed(old.positions)} in this order and takes {_listed(new.positions)} now"
        example = f"{name}({', '.join(f'{one}=...' for one in old.positions)})"
        yield Difference("client-parameter", name, place, CALLERS, text, 2, example=example)
    for keyword in old.keywords:
        if keyword not in new.keywords:
            text = f"{name} took {keyword} and does not any more"
            yield Difference("client-parameter", name, place, CALLERS, text, 2, example=f"{name}({keyword}=...)")
    needed = [one for one, is_required in new.keywords.items() if is_required and not old.keywords.get(one)]
    needed += list(new.positions[len(old.positions) :])
    for keyword in needed:
        text = f"{name} could be called without {keyword} and can't be any more"
        yield Difference("client-parameter", name, place, CALLERS, text, 2, example=f"{name}(...)")


def _of_model(name: str, old: Model, new: Model) -> Iterator[Difference]:
    pointer = (*_model(name), "properties")
    for attribute in old.attributes:
        if attribute not in new.attributes:
            text = f"the model {name} had {attribute} and does not have it any more"
            yield Difference("client-attribute", name, pointer, CALLERS, text, 2, example=f"{name}(...).{attribute}")
    if old.is_open and not new.is_open:
        text = f"the model {name} had additional_properties and does not have them any more"
        example = f"{name}(...).additional_properties"
        yield Difference("client-attribute", name, _model(name), CALLERS, text, 2, example=example)
    for attribute, before in old.attributes.items():
        after = new.attributes.get(attribute, before)
        if not (before <= after if old.is_sent else after <= before):
            text = (
                f"{attribute} of the model {name} was {' or '.join(sorted(before))} and is {' or '.join(sorted(after))}"
            )
            yield Difference("client-type", name, pointer, CALLERS, text, 2, example=f"{name}(...).{attribute}")
    before_, after_ = list(old.attributes), list(new.attributes)
    moved = [one for one, other in zip(before_, after_, strict=False) if one != other]
    if old.is_sent and moved and moved[0] in new.attributes:
        here, there = before_.index(moved[0]) + 1, after_.index(moved[0]) + 1
        text = f"by position, argument {here} of {name} was {moved[0]}, which is argument {there} now"
        example = f"{name}({', '.join(f'<{one}>' for one in before_[:here])})"
        yield Difference("client-position", name, pointer, CALLERS, text, 2, example=example)
    for attribute in new.attributes:
        if attribute not in old.attributes:
            text = f"the model {name} has {attribute} as well"
            yield Difference("client-attribute-added", name, pointer, NOBODY, text, 2)


def _gone(kind: str, name: str) -> Difference:
    text = f"{CLIENT}.models has no {kind} {name} any more"
    example = f"from {CLIENT}.models import {name}"
    return Difference(f"client-{kind}", name, _model(name), CALLERS, text, 2, example=example, in_base=True)


def _model(name: str) -> Pointer:
    return ("components", "schemas", name)


def _operation(contract: Contract, name: str) -> Pointer:
    """Where the operation of a method stands."""
    from octopusx_video_openapi.text import snake  # noqa: PLC0415

    found = next((one for one in contract.operations.values() if snake(one.id) == name), None)
    return ("paths", found.path, found.method) if found else ("paths",)


def _listed(items: tuple[str, ...]) -> str:
    return ", ".join(items) or "none"
