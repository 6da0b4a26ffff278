"""Servers that tell a mutant from the contract: each does what one of the two allows and the other forbids."""

from __future__ import annotations

import copy
import functools
import json
import re
from collections.abc import Iterator
from typing import Any

import jsonschema_rs
from octopusx_video_mock.messages import Request, Response
from octopusx_video_openapi import Contract, Operation, billing, task_ids

from tests.campaigns.mutants.made import GONE, NEW_MEDIA_TYPE, NEW_MEMBER, NEW_STATUS, Mutant, Place, at, put
from tests.campaigns.mutants.verdict import Verdict
from tests.defects import DEFECTS, Defect, Server
from tests.defects._defect import UNKNOWN_ID, Handler, altered, named
from tests.defects.billing import free
from tests.support import documents

Json = Any
FAMILY: Any = "response schema"
"""A family has no meaning here."""

_VALUES: tuple[Json, ...] = (
    *(None, "", "x", "7", "two words", NEW_MEMBER, 0, -1, 1, 101, 0.5, True, {}, [], {"x": 1}, "y" * 300),
    *(10**11 + 1, 10**12),
)
_WHOLE: tuple[Json, ...] = ({}, [], None, "x")
_ORDERED = b"prefer"


def answers_so(mutant: Mutant, truth: Contract) -> Defect:
    """A server whose answers are changed, as little as can be, to what the looser of the two contracts allows alone."""

    def make(server: Server) -> Handler:
        looser, stricter = _both(mutant, truth)
        search = _Search(looser, stricter, _named(mutant, truth))

        def answer(request: Request) -> Response:
            given = server.correct(request)
            if given.operation is None or given.delivery is not None:
                return given
            return search.changed(given, ordered=any(name == _ORDERED for name, _ in request.headers))

        return answer

    return Defect(f"answers: {mutant.name}", FAMILY, "", "it answers so", make)


def takes_so(mutant: Mutant, truth: Contract) -> Defect:
    """A server that takes each request that the mutant allows and the contract forbids for a valid one."""

    def make(server: Server) -> Handler:
        mutated, true = Verdict(mutant.of(truth)), Verdict(truth)

        def answer(request: Request) -> Response:
            operation = server.operation(request)
            if operation is None:
                return server.correct(request)
            if mutated.is_open(operation) and not true.is_open(operation):
                request = altered(request, headers={b"authorization": b"Bearer " + server.key.encode()})
            if mutated.is_valid(operation, request) and not true.is_valid(operation, request):
                request = _valid(truth, operation, request)
            return server.correct(request)

        return answer

    return Defect(f"takes: {mutant.name}", FAMILY, "", "it takes such requests", make)


def _valid(contract: Contract, operation: str, request: Request) -> Request:
    """A valid request of an operation, with the credential of this one."""
    definition = contract.operations[operation]
    task = task_ids.documented(contract)[0]
    contents = documents.definition(definition).get("requestBody", {}).get("content", {})
    body: Json = next((value for media in contents.values() for _, value in documents.examples(contract, media)), None)
    query = b""
    for where, *steps in task_ids.places(definition):
        if where == "query":
            query = f"{steps[0]}={task}".encode()
        elif where == "body":
            body = put(body, tuple(steps), task)
    path = re.sub(r"\{\w+\}", task, definition.path).encode()
    if body is None:
        return altered(request, path=path, query=query)
    content = json.dumps(body).encode()
    return altered(request, path=path, query=query, body=content, headers={b"content-type": b"application/json"})


def bills_so(operation: str, status: int, body: Json = None) -> Defect:
    """A server that bills each request of an operation that it answers with a status, and with this body if any.

    With a body it does so where the answer was ordered, and no request brings it about.
    """

    def make(server: Server) -> Handler:
        def answer(request: Request) -> Response:
            given = server.correct(request)
            is_ordered = any(name == _ORDERED for name, _ in request.headers)
            if given.operation == operation and given.status == status and (is_ordered or body is None):
                server.bill(operation, named(request) or UNKNOWN_ID)
                given.body = given.body if body is None else json.dumps(body).encode()
            return given

        return answer

    told = f"it bills {operation} with {status}"
    return Defect(f"{told} {body}", FAMILY, "", told, make)


def bills_not(operation: str) -> Defect:
    """A server that forgets to bill the submits of an operation."""
    return Defect(
        f"does not bill {operation}", FAMILY, "", f"it does not bill {operation}", free(frozenset({operation}))
    )


def wrong_billing(mutant: Mutant, truth: Contract) -> Iterator[Defect]:
    """Servers that bill otherwise, for each operation and status of which the mutant tells another bill."""
    mutated = mutant.of(truth)
    for operation in truth.operations.values():
        changed = dict(documents.responses(mutated, mutated.operations[operation.id]))
        for status, response in documents.responses(truth, operation):
            if response["x-billed"] == changed[status]["x-billed"]:
                continue
            if response["x-billed"] == "yes":
                yield bills_not(operation.id)
                continue
            yield bills_so(operation.id, int(status))
            for body in _of_no_rule(truth, operation, int(status), response):
                yield bills_so(operation.id, int(status), body)


def _of_no_rule(contract: Contract, operation: Operation, status: int, response: Json) -> Iterator[Json]:
    """The examples of a response, told in words by which no rule says what it costs."""

    def reworded(value: Json) -> Json:
        if isinstance(value, dict):
            return {name: reworded(inner) for name, inner in value.items()}
        return "other" if isinstance(value, str) else value

    for media in response["content"].values():
        for _, example in documents.examples(contract, media):
            body = reworded(example)
            if isinstance(body, dict) and billing.decided_by(operation, status, body) is None:
                yield body


def permitted(mutant: Mutant, truth: Contract) -> Iterator[Defect]:
    """A server that bills such submits as a rule calls possibly billed, where the mutant does not."""
    rule = documents.document(truth)["x-rules"][mutant.place[1]]
    if rule.get("billed") != "possible" or "when" not in rule:
        return
    contents = [
        media
        for operation in truth.operations.values()
        for _, response in documents.responses(truth, operation)
        for media in response["content"].values()
    ]
    values = (value for media in contents for _, value in documents.examples(truth, media) if isinstance(value, dict))
    relayed = next(value for value in values if jsonschema_rs.is_valid(rule["when"], value))
    operations, statuses = (_less(mutant, rule, name) for name in ("operations", "statuses"))
    yield from (bills_so(operation, status, relayed) for operation in operations[:1] for status in statuses[:1])


def _less(mutant: Mutant, rule: Json, name: str) -> list[Json]:
    """What the rule lists and the mutant does not; all of it where the mutant is about something else."""
    left = mutant.value if mutant.place[-1] == name else []
    return [one for one in rule[name] if one not in left]


def of_rule(rule: str) -> list[Defect]:
    """The defects of a rule that need no socket."""
    return [defect for defect in DEFECTS if defect.rule == rule and defect.wire is None]


def concerns_answers(mutant: Mutant, truth: Contract) -> bool:
    """Whether the mutant says something else of an answer by itself."""
    one, other = Verdict(truth), Verdict(mutant.of(truth))
    return any(
        one.told(operation.id, status) != other.told(operation.id, status)
        for operation in truth.operations.values()
        for status in (NEW_STATUS, *map(int, documents.definition(operation)["responses"]))
    )


def concerns_requests(mutant: Mutant, truth: Contract) -> bool:
    """Whether the mutant says something else of a request by itself."""
    one, other = Verdict(truth), Verdict(mutant.of(truth))
    return any(one.asked(name) != other.asked(name) for name in truth.operations)


def _both(mutant: Mutant, truth: Contract) -> tuple[Verdict, Verdict]:
    mutated, true = Verdict(mutant.of(truth)), Verdict(truth)
    return (true, mutated) if mutant.kind == "tightens" else (mutated, true)


def _named(mutant: Mutant, truth: Contract) -> list[Json]:
    """Values that the mutant names, or the contract where the mutant departs from it."""
    try:
        values = [mutant.value, at(documents.document(truth), mutant.place)]
    except (KeyError, IndexError):
        values = [mutant.value]
    found: list[Json] = []
    for value in values:
        value = value.get("enum") if isinstance(value, dict) else value  # an enumeration and the grades beside it
        if isinstance(value, int) and not isinstance(value, bool):
            found += [value, value - 1, value + 1]
        found += [one for one in value if isinstance(one, str | int)] if isinstance(value, list) else []
    return found


Edit = tuple[str, Any]


class _Search:
    """Finds the change of an answer that the looser contract takes and the stricter one does not."""

    def __init__(self, looser: Verdict, stricter: Verdict, values: list[Json]) -> None:
        self._looser = looser
        self._stricter = stricter
        self._values = [*_VALUES, *values]
        self._known: dict[Any, Edit | None] = {}

    def changed(self, answer: Response, *, ordered: bool) -> Response:
        """The answer with the change that fits its shape, or as it is."""
        operation = answer.operation or ""
        if not ordered and not self._differs(operation, answer.status):
            return answer
        shape = (operation, answer.status, _shape(answer), ordered)
        if shape not in self._known:
            self._known[shape] = self._found(answer, ordered=ordered)
        edit = self._known[shape]
        return answer if edit is None else _edited(answer, edit)

    def _found(self, answer: Response, *, ordered: bool) -> Edit | None:
        best: tuple[int, Edit] | None = None
        for edit in self._edits(answer, ordered=ordered):
            changed = _edited(answer, edit)
            try:
                loose = self._looser.broken(answer.operation or "", changed)
                strict = self._stricter.broken(answer.operation or "", changed)
            except ValueError:
                continue
            if strict - loose:
                if not loose:
                    return edit
                if best is None or len(loose) < best[0]:
                    best = (len(loose), edit)
        return best and best[1]

    @functools.cache  # noqa: B019 - it lives as long as its server
    def _differs(self, operation: str, status: int) -> bool:
        """Whether the two contracts say different things of such an answer."""
        return self._looser.told(operation, status) != self._stricter.told(operation, status)

    def _edits(self, answer: Response, *, ordered: bool) -> Iterator[Edit]:
        if self._differs(answer.operation or "", answer.status):
            yield from self._changed_in_itself(answer)
        if ordered:
            statuses = documents.definition(self._looser.contract.operations[answer.operation or ""])["responses"]
            for status in (NEW_STATUS, *map(int, statuses)):
                if self._differs(answer.operation or "", status):
                    for other in self._documented(answer.operation or "", status):
                        yield "whole", other

    def _changed_in_itself(self, answer: Response) -> Iterator[Edit]:
        yield "nothing", None
        # Few first: each edit is judged by both contracts.
        for name, _ in answer.headers:
            if name != b"content-type":
                yield "header", (name, None)
                yield "header", (name, b"x")
        yield "header", (b"content-type", NEW_MEDIA_TYPE.encode())
        kind = next((value for name, value in answer.headers if name == b"content-type"), b"")
        if b"json" in kind:
            yield from self._bodies(answer, json.loads(answer.body))
            yield from (("body", ((), whole)) for whole in self._others(answer))

    def _documented(self, operation: str, status: int) -> Iterator[Response]:
        """Answers of another status, as the contract's examples have them."""
        contract = self._looser.contract
        response = dict(documents.responses(contract, contract.operations[operation])).get(str(status))
        for media_type, media in (response or {}).get("content", {}).items():
            for _, value in documents.examples(contract, media):
                content = value.encode("latin-1") if isinstance(value, str) else json.dumps(value).encode()
                headers = [(b"content-type", media_type.encode())]
                if status in {206, 416}:
                    headers.append((b"content-range", b"bytes 0-23/24" if status == 206 else b"bytes */24"))
                yield Response(status, headers, content, operation)

    def _bodies(self, answer: Response, body: Json) -> Iterator[Edit]:
        for place, value in _changes(body, (), self._values):
            yield "body", (place, value)
        for schema in self._schemas(answer):
            for place, value in self._added(schema, body, ()):
                yield "body", (place, value)
        for schema in self._schemas(answer):
            required = schema.get("required", [])
            for place, value in self._added(schema, {name: body[name] for name in required if name in body}, ()):
                yield "bare", (required, place, value)
        for whole in _WHOLE:
            yield "body", ((), whole)

    def _others(self, answer: Response) -> Iterator[Json]:
        """The other shapes of an error with this status, with all that is text another text, and with one change."""
        if answer.status < 400:  # a success has one shape
            return
        for other in self._documented(answer.operation or "", answer.status):
            if other.body.startswith(b"{"):
                body = json.loads(other.body)
                for base in (body, {name: "x" if isinstance(value, str) else value for name, value in body.items()}):
                    yield base
                    for place, value in _changes(base, (), self._values):
                        yield put(base, place, value)
                    for schema in self._schemas(answer):
                        for place, value in self._added(schema, base, ()):
                            yield put(base, place, value)

    def _schemas(self, answer: Response) -> Iterator[Json]:
        contract = self._looser.contract
        response = dict(documents.responses(contract, contract.operations[answer.operation or ""])).get(
            str(answer.status), {}
        )
        for media in response.get("content", {}).values():
            schema = documents.resolve(contract, media["schema"])
            yield from (documents.resolve(contract, one) for one in (schema, *schema.get("oneOf", ())))

    def _added(self, schema: Json, body: Json, place: Place) -> Iterator[tuple[Place, Json]]:
        """A property more that its schema has, or that nobody knows."""
        if not isinstance(body, dict):
            return
        contract = self._looser.contract
        for name, field in schema.get("properties", {}).items():
            field = documents.resolve(contract, field)
            if name in body:
                yield from self._added(field, body[name], (*place, name))
                continue
            for value in self._values:
                yield (*place, name), value
                for sub in field.get("properties", {}):
                    yield (*place, name), {sub: value}
        yield (*place, "x_unknown"), "meow"


def _changes(value: Json, place: Place, values: list[Json]) -> Iterator[tuple[Place, Json]]:
    """What else may stand at each place of a value, and ``GONE``."""
    if isinstance(value, dict):
        # The last first: what stands first, the id, is what a run can't go on without.
        for name, inner in reversed(value.items()):
            yield (*place, name), GONE
            yield from _changes(inner, (*place, name), values)
    if place:
        yield from ((place, other) for other in values)


def _edited(answer: Response, edit: Edit) -> Response:
    what, value = edit
    if what == "nothing":
        return answer
    changed = copy.copy(answer)
    if what == "body":
        place, new = value
        changed.body = json.dumps(put(json.loads(answer.body), place, new) if place else new).encode()
    elif what == "bare":
        required, place, new = value
        body = json.loads(answer.body)
        changed.body = json.dumps(put({name: body[name] for name in required if name in body}, place, new)).encode()
    elif what == "header":
        changed.headers = [pair for pair in answer.headers if pair[0] != value[0]]
        if value[1] is not None:
            changed.headers.append(value)
    else:
        kept = [pair for pair in answer.headers if pair[0] not in {b"content-type", b"content-range"}]
        changed.status, changed.headers, changed.body = value.status, [*kept, *value.headers], value.body
    return changed


def _shape(answer: Response) -> str:
    """What makes two answers alike, so that the same change fits both."""
    kinds = [name for name, _ in answer.headers]
    try:
        return f"{kinds} {_form(json.loads(answer.body))}"
    except ValueError:
        return f"{kinds}"


def _form(value: Json) -> Json:
    if isinstance(value, dict):
        return {name: _form(inner) for name, inner in value.items()}
    if isinstance(value, str):
        return value if re.fullmatch("[A-Za-z_]*", value) else "a text"
    return type(value).__name__ if value else repr(value)
