"""What two documents say of one message, by validators that are made straight from them. No part of the comparison.

A caller sends, and a server sends, what its own contract allows and names: bodies are open, but a field that a contract
does not name belongs to nobody (openapi/README.md). So a message is *sent* by a contract that allows it and names each
of its fields, and *taken* by one that allows it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlencode

from octopusx_video_mock.messages import Request, Response
from octopusx_video_openapi import Contract

from tests.campaigns.mutants.verdict import ERROR, HEADER, MEDIA_TYPE, STATUS, SUCCESS, Verdict
from tests.support import documents

Json = Any
_OF_MESSAGES = {SUCCESS, ERROR, STATUS, MEDIA_TYPE, HEADER}
_ALTERNATIVES = ("anyOf", "oneOf")


class Observer:
    """Judges messages by the document of one contract.

    Args:
        contract: The contract.
    """

    def __init__(self, contract: Contract) -> None:
        self.contract = contract
        self.verdict = Verdict(contract)
        self.document = documents.document(contract)

    # ---- Requests and responses as the comparison writes them

    def takes_request(self, operation: str, value: Json) -> bool:
        """Whether a server of the contract takes a request."""
        known = self._parameters(operation)
        is_known = all(name in known[place] for place in known for name in value.get(place, {}))
        return is_known and self.verdict.is_valid(operation, self._request(operation, value))

    def sends_request(self, operation: str, value: Json) -> bool:
        """Whether a caller of the contract may send a request."""
        asked = documents.definition(self.contract.operations[operation]).get("requestBody", {"content": {}})
        return self.takes_request(operation, value) and self._names_bodies(asked["content"], value, every=False)

    def takes_response(self, operation: str, status: str, value: Json) -> bool:
        """Whether a caller of the contract takes a response."""
        return not self.verdict.broken(operation, response_of(status, value)) & _OF_MESSAGES

    def sends_response(self, operation: str, status: str, value: Json) -> bool:
        """Whether a server of the contract may send a response."""
        return self.takes_response(operation, status, value) and self.names_response(operation, status, value)

    def names_response(self, operation: str, status: str, value: Json, *, every: bool = False) -> bool:
        """Whether the contract names each field and header of a response.

        Args:
            operation: The operation.
            status: The status.
            value: The response.
            every: Whether each alternative of a schema counts, and not only those that allow the value.
        """
        response = dict(documents.responses(self.contract, self.contract.operations[operation])).get(status)
        if response is None:
            return False
        headers = {name.lower() for name in response.get("headers", {})}
        return headers >= value.get("header", {}).keys() and self._names_bodies(response["content"], value, every=every)

    def breaks(self, rule: str, operation: str, status: str, body: Json) -> bool:
        """Whether a response with a JSON body breaks a rule of the contract that has a schema."""
        answer = response_of(status, {"body": {"application/json": body}})
        return rule in self.verdict.broken(operation, answer)

    # ---- What is written

    def statuses(self, operation: str) -> set[str]:
        """The documented statuses of an operation."""
        return {status for status, _ in documents.responses(self.contract, self.contract.operations[operation])}

    def rule(self, name: str) -> Json:
        """A rule as it is written; None where there is none."""
        return next((rule for rule in self.document["x-rules"] if rule["id"] == name), None)

    def covers(self, name: str, operation: str | None, status: str | None) -> bool:
        """Whether a rule speaks of an operation and a status, where they are given."""
        rule = self.rule(name)
        if rule is None:
            return False
        is_named = operation is None or operation in rule.get("operations", [operation])
        return is_named and (status is None or int(status) in rule.get("statuses", [int(status)]))

    def status_of(self, operation: str, cause: str) -> str | None:
        """The first status that names a cause."""
        responses = documents.responses(self.contract, self.contract.operations[operation])
        return next((status for status, response in responses if cause in _causes(response)), None)

    def phase(self, status: str) -> str | None:
        """The list that has a status of a task."""
        schemas = self.document["components"]["schemas"]
        return next((name for name in PHASES if status in schemas[name].get("enum", ())), None)

    # ---- Parts

    def _parameters(self, operation: str) -> dict[str, set[str]]:
        """The names of parameters by their place, those of the path by position."""
        known: dict[str, set[str]] = {"path": set(), "query": set(), "header": set()}
        for parameter in documents.parameters(self.contract.operations[operation]):
            if parameter["in"] != "path":
                known[parameter["in"]].add(parameter["name"])
        path = self.contract.operations[operation].path
        known["path"] = {f"{{{number}}}" for number, _ in enumerate(re.findall(r"\{\w+\}", path), start=1)}
        return known

    def _request(self, operation: str, value: Json) -> Request:
        """A request as it is sent."""
        one = self.contract.operations[operation]
        sent = list(value.get("path", {}).values())
        path = re.sub(r"\{\w+\}", lambda _: quote(str(sent.pop(0)), safe="") if sent else "", one.path)
        headers = [(name.lower().encode(), str(text).encode()) for name, text in value.get("header", {}).items()]
        body = b""
        for media_type, content in value.get("body", {}).items():
            headers.append((b"content-type", media_type.encode()))
            body = json.dumps(content).encode()
        query = urlencode(value.get("query", {})).encode()
        return Request(one.method.upper(), path.encode(), query, headers, dict(headers), body, "localhost")

    def _names_bodies(self, content: Json, value: Json, *, every: bool) -> bool:
        bodies = value.get("body", {}).items()
        return all(
            kind in content and self._names([content[kind].get("schema", {})], body, every=every)
            for kind, body in bodies
        )

    def _names(self, schemas: list[Json], value: Json, *, every: bool) -> bool:
        """Whether schemas that are put to a value name each of its fields; where none names any, it is of any kind."""
        parts = [part for schema in schemas for part in self._parts(schema, value, every=every)]
        if isinstance(value, list):
            items = [part["items"] for part in parts if "items" in part]
            return all(self._names(items, one, every=every) for one in value)
        if not isinstance(value, dict) or not any("properties" in part for part in parts):
            return True
        for name, member in value.items():
            named = [part["properties"][name] for part in parts if name in part.get("properties", {})]
            if not named or not self._names(named, member, every=every):
                return False
        return True

    def _parts(self, schema: Json, value: Json, *, every: bool) -> Iterator[Json]:
        """The schemas that a schema puts to a value: itself, and its branches that allow it."""
        if "$ref" in schema:
            yield from self._parts(documents.resolve(self.contract, {"$ref": schema["$ref"]}), value, every=every)
        yield schema
        for branch in schema.get("allOf", ()):
            yield from self._parts(branch, value, every=every)
        for keyword in _ALTERNATIVES:
            for branch in schema.get(keyword, ()):
                if every or self.verdict.validator(branch).is_valid(value):
                    yield from self._parts(branch, value, every=every)


PHASES = ("RunningStatus", "SucceededStatus", "FailedStatus")
"""The component schemas that list the statuses of a task."""


def response_of(status: str, value: Json) -> Response:
    """A response as it is sent."""
    headers = [(name.encode(), str(text).encode()) for name, text in value.get("header", {}).items()]
    body = b""
    for media_type, content in value.get("body", {}).items():
        headers.append((b"content-type", media_type.encode()))
        body = json.dumps(content).encode() if "json" in media_type else str(content).encode()
    return Response(int(status), headers, body)


def _causes(response: Json) -> set[str]:
    return {
        cause
        for media in response["content"].values()
        for example in media.get("examples", {}).values()
        for cause in example.get("x-when", ())
    } | set(response.get("x-when", ()))
