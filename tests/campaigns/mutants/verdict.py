"""What a contract says of one answer and of one request, by the document alone. Written without a look at the suite."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, unquote

import jsonschema_rs
from octopusx_video_mock.messages import Request, Response
from octopusx_video_openapi import Contract, Operation, Rule

from tests.support import documents

Json = Any
Validator = jsonschema_rs.Draft202012Validator

_OF_ANSWERS = {"response", "rejection-of-a-valid-request"}
NO_REQUEST_ID, SUCCESS, ERROR, STATUS, MEDIA_TYPE, HEADER = "R33", "R36", "R37", "R38", "R39", "R40"


_OF_ONE_ANSWER = {NO_REQUEST_ID, SUCCESS, ERROR, STATUS, MEDIA_TYPE, HEADER}


def _is_of_one_answer(rule: Rule) -> bool:
    """Whether one answer by itself can break a rule."""
    return rule.id in _OF_ONE_ANSWER or (rule.about in _OF_ANSWERS and rule.schema is not None)


class Verdict:
    """Judges answers and requests by one contract."""

    def __init__(self, contract: Contract) -> None:
        self.contract = contract
        self._validators: dict[str, Validator] = {}
        self._rules = {rule.id: rule for rule in contract.rules}

    def broken(self, operation: str, answer: Response) -> frozenset[str]:
        """The numbers of the rules that an answer breaks by itself."""
        found = self._broken(self.contract.operations[operation], answer)
        return frozenset(rule for rule in found if self._speaks(rule, operation, answer.status))

    def told(self, operation: str, status: int) -> str:
        """All that is said of such an answer by itself, so that two contracts can be compared in it."""
        definition = self.contract.operations[operation]
        responses = dict(documents.responses(self.contract, definition))
        rules = [
            [rule.id, rule.schema and documents.node(rule.schema)]
            for rule in self.contract.rules
            if _is_of_one_answer(rule) and self._speaks(rule.id, operation, status)
        ]
        return json.dumps([self._inlined(responses.get(str(status))), self._inlined(rules)])

    def asked(self, operation: str) -> str:
        """All that is asked of a request of an operation."""
        definition = documents.definition(self.contract.operations[operation])
        parts = [definition.get("parameters"), definition.get("requestBody"), self.is_open(operation)]
        return json.dumps([self._inlined(part) for part in parts])

    def _inlined(self, node: Json) -> Json:
        node = documents.resolve(self.contract, node)
        if isinstance(node, dict):
            return {name: self._inlined(value) for name, value in node.items() if name not in {"examples", "links"}}
        return [self._inlined(value) for value in node] if isinstance(node, list | tuple) else node

    def is_valid(self, operation: str, request: Request) -> bool:
        """Whether a request is what its operation asks for, its credential left aside."""
        definition = self.contract.operations[operation]
        values = self._parameters(definition, request)
        for parameter in documents.parameters(definition):
            value = values[parameter["in"]].get(parameter["name"])
            if value is None and parameter.get("required"):
                return False
            if value is not None and not self.validator(parameter["schema"]).is_valid(value):
                return False
        asked = documents.definition(definition).get("requestBody")
        if asked is None:
            return True
        if not request.body:
            return not asked.get("required")
        try:
            body = json.loads(request.body)
        except ValueError:
            return False
        media_type = (request.header(b"content-type") or b"").decode("latin-1").partition(";")[0].strip().lower()
        media = asked["content"].get(media_type)
        return media is not None and self.validator(media["schema"]).is_valid(body)

    def is_open(self, operation: str) -> bool:
        """Whether an operation asks for no credential."""
        definition = documents.definition(self.contract.operations[operation])
        return not definition.get("security", documents.document(self.contract).get("security"))

    def validator(self, schema: Json) -> Validator:
        """A schema of the contract, ready to be asked."""
        name = json.dumps(schema, sort_keys=True)
        if name not in self._validators:
            self._validators[name] = Validator(documents.schema(self.contract, schema))
        return self._validators[name]

    def _broken(self, operation: Operation, answer: Response) -> Iterator[str]:
        headers = {name.decode().lower(): value.decode("latin-1") for name, value in answer.headers}
        if self._request_id not in headers:
            yield NO_REQUEST_ID
        response = dict(documents.responses(self.contract, operation)).get(str(answer.status))
        if response is None:
            yield STATUS
            return
        yield from self._of_headers(response, headers)
        media_type = headers.get("content-type", "").partition(";")[0]
        media = response["content"].get(media_type)
        if media is None:
            yield MEDIA_TYPE
        if "json" not in media_type:
            return
        body = json.loads(answer.body)
        if media is not None and not self.validator(media["schema"]).is_valid(body):
            yield SUCCESS if answer.status < 300 else ERROR
        for rule in self.contract.rules:
            if (
                rule.schema is not None
                and _is_of_one_answer(rule)
                and not self.validator(documents.node(rule.schema)).is_valid(body)
            ):
                yield rule.id

    def _of_headers(self, response: Json, headers: dict[str, str]) -> Iterator[str]:
        for name, header in response.get("headers", {}).items():
            definition = documents.resolve(self.contract, header)
            value = headers.get(name.lower())
            missing = value is None and definition.get("required")
            if missing or (value is not None and not self.validator(definition["schema"]).is_valid(value)):
                yield HEADER

    def _speaks(self, rule_id: str, operation: str, status: int) -> bool:
        rule = self._rules.get(rule_id)
        if rule is None:
            return False
        return (not rule.operations or operation in rule.operations) and (not rule.statuses or status in rule.statuses)

    @functools.cached_property
    def _request_id(self) -> str:
        headers = documents.document(self.contract)["components"]["headers"]
        pointer = next(name for name, header in headers.items() if header.get("x-value-of") == "answer.id")
        for operation in self.contract.operations.values():
            for _, response in documents.responses(self.contract, operation):
                for name, header in response.get("headers", {}).items():
                    if header.get("$ref", "").endswith(f"/{pointer}"):
                        return str(name).lower()
        return ""

    @staticmethod
    def _parameters(operation: Operation, request: Request) -> dict[str, dict[str, str]]:
        template = re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", re.escape(operation.path))
        match = re.fullmatch(template, request.path.decode("latin-1"))
        return {
            "path": {name: unquote(value) for name, value in match.groupdict().items()} if match else {},
            "query": dict(parse_qsl(request.query.decode("latin-1"), keep_blank_values=True)),
            "header": {name.decode().title(): value.decode("latin-1") for name, value in request.headers},
        }
