"""The requests and the responses of an operation, each as the shape of one value. Pure.

A request is ``{"path": {…}, "query": {…}, "header": {…}, "body": {MEDIA TYPE: …}}``, a response the same without path
and query. Parameters of the path are named by their position, since their names are not sent.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from octopusx_video_openapi import Media, Operation, Response
from octopusx_video_openapi.document import Json, Pointer
from octopusx_video_openapi.model import is_json

from octopusx_video_compat.shapes import Form, Lists, Shape, object_of, shape_of

BODY = "body"
_PARAMETER = re.compile(r"\{([^}]*)\}")


def route(operation: Operation) -> tuple[str, str]:
    """Its method and its path without the names of its parameters: what is the same for a server."""
    return operation.method, _PARAMETER.sub("{}", operation.path)


def home(operation: Operation) -> Pointer:
    """Where an operation stands in its contract."""
    return ("paths", operation.path, operation.method)


def request(operation: Operation, lists: Lists) -> Shape:
    """The requests of an operation."""
    contract, here = operation.contract, home(operation)
    positions = {name: f"{{{number}}}" for number, name in enumerate(_PARAMETER.findall(operation.path), start=1)}
    fields, required = {}, []
    for place in ("path", "query", "header"):
        held = {
            positions.get(one.name, one.name) if place == "path" else one.name: (one, number)
            for number, one in enumerate(operation.parameters)
            if one.place == place
        }
        shapes = {
            name: _sent_as_text(
                shape_of(one.schema, (*here, "parameters", number, "schema"), "closed", lists),
                least=int(place == "path"),
            )
            for name, (one, number) in held.items()
        }
        needs = [name for name, (one, _) in held.items() if one.required]
        fields[place] = object_of(contract, (*here, "parameters"), shapes, needs, is_closed=True)
        required += [place] if needs else []
    if operation.body is not None:
        pointer = (*here, "requestBody")
        fields[BODY] = _bodies(operation, pointer, operation.body.media, "closed", lists)
        required += [BODY] if operation.body.required else []
    return object_of(contract, here, fields, required, is_closed=True)


def response(operation: Operation, one: Response, form: Form, lists: Lists) -> Shape:
    """The responses of an operation with one status."""
    contract = operation.contract
    headers = {
        name.lower(): _sent_as_text(shape_of(header.schema, (*_header(operation, one, name), "schema"), form, lists))
        for name, header in one.headers.items()
    }
    needs = [name.lower() for name, header in one.headers.items() if header.required]
    # Where a header is required or not stands at the header itself.
    held = object_of(contract, (*one.place, "headers"), headers, needs, is_closed=form == "closed")
    fields, required = {"header": held}, ["header"] if needs else []
    if one.media:
        fields[BODY] = _bodies(operation, one.place, one.media, form, lists)
        required.append(BODY)
    return object_of(contract, one.place, fields, required, is_closed=False)


def _header(operation: Operation, one: Response, name: str) -> Pointer:
    component = one.headers[name].component
    if component in operation.contract.headers:
        return ("components", "headers", component)
    return (*one.place, "headers", name)


def _bodies(operation: Operation, pointer: Pointer, media: Mapping[str, Media], form: Form, lists: Lists) -> Shape:
    """The bodies of a message: one of one of its media types."""
    anything = Shape({}, operation.contract, {(): ({}, (*pointer, "content"))})
    shapes = {
        kind: shape_of(one.schema, (*pointer, "content", kind, "schema"), form, lists) if one.schema else anything
        for kind, one in media.items()
    }
    shapes = {kind: shape if is_json(kind) else _sent_as_text(shape) for kind, shape in shapes.items()}
    made = object_of(operation.contract, (*pointer, "content"), shapes, (), is_closed=True)
    return made._replace(schema={**made.schema, "minProperties": 1, "maxProperties": 1})


def _sent_as_text(shape: Shape, least: int = 0) -> Shape:
    """The shape of a parameter, a header or a body that is no JSON: a text, whatever else its schema allows.

    ``least`` is its least length: without a text, a path has one part less and leads elsewhere.
    """
    if not _may_be_text(shape.schema):
        return shape
    length = {"minLength": max(least, shape.schema.get("minLength", 0))} if least else {}
    return shape._replace(schema={**shape.schema, "type": ["string"], **length})


def _may_be_text(schema: Json) -> bool:
    """Whether a schema and its branches leave room for a text, by their types."""
    if not isinstance(schema, dict) or "string" not in schema.get("type", ["string"]):
        return False
    alternatives = [schema[keyword] for keyword in ("anyOf", "oneOf") if keyword in schema]
    return all(map(_may_be_text, schema.get("allOf", ()))) and all(any(map(_may_be_text, one)) for one in alternatives)
