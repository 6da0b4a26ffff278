"""Whether two contracts agree on drawn values, where what they say of a message differs.

Values are drawn from the schemas of both contracts, as the suite draws its own (schemathesis), and judged by the
validators of both documents: requests, and responses with their headers, the rules that look into them and the bill.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from hypothesis import strategies
from hypothesis.strategies import SearchStrategy
from octopusx_video_contract.cases import generated_values
from octopusx_video_contract.cases.generated_values import GeneratedRequest
from octopusx_video_openapi import Contract
from octopusx_video_openapi.billing import billed

from tests.campaigns.compat_mutants.observer import Observer, response_of

Json = Any
Both = tuple[Observer, Observer]
VALUES = 1000
"""How many values are drawn at least, as many from each contract and for each message that differs."""
_WITHIN = ("allOf", "anyOf", "oneOf")
_CONDITIONS = ("if", "then", "else", "not")


class Drawn(NamedTuple):
    """What drawing values came to.

    Attributes:
        asked: How many values both contracts were asked about; 0 where no message differs.
        refuted: The smallest that they judge differently; None where there is none.
    """

    asked: int
    refuted: Json = None


class _Question(NamedTuple):
    """A message of which the contracts say something different.

    Attributes:
        sources: What values are drawn from, for each contract.
        judged: What a contract says of a value.
    """

    sources: list[SearchStrategy[Json]]
    judged: Callable[[Observer, Json], Json]


def agreement(base: Contract, new: Contract, seed: str) -> Drawn:
    """Ask both contracts about values of each message that differs; ``seed`` decides the values."""
    both = (Observer(base), Observer(new))
    count = 0
    pairs = [(question, source) for question in _questions(both) for source in question.sources]
    for question, source in pairs:
        drawn = _asked(question, source, both, seed, examples=math.ceil(VALUES / len(pairs)))
        count += drawn.asked
        if drawn.refuted is not None:
            return Drawn(count, drawn.refuted)
    return Drawn(count)


def _asked(question: _Question, source: SearchStrategy[Json], both: Both, seed: str, *, examples: int) -> Drawn:
    count, refuted = 0, None

    def check(value: Json) -> None:
        nonlocal count, refuted
        count += 1
        if question.judged(both[0], value) != question.judged(both[1], value):
            refuted = value
            raise AssertionError

    try:
        generated_values.for_all(check, source, seed=seed, examples=examples)
    except AssertionError:
        return Drawn(count, refuted)
    return Drawn(count)


def _questions(both: Both) -> Iterator[_Question]:
    """Each message that differs once, though several operations may have it."""
    seen: set[tuple[str, ...]] = set()
    old, new = (one.contract.operations for one in both)
    for name in old:
        asked = tuple(one.verdict.asked(name) for one in both)
        if asked[0] != asked[1] and asked not in seen:
            seen.add(asked)
            sources: list[SearchStrategy[Json]] = [generated_values.of_requests(one[name]) for one in (old, new)]
            yield _Question(sources, lambda one, value, name=name: _request(one, name, value))  # type: ignore[misc]
        for status in sorted(both[0].statuses(name) & both[1].statuses(name)):
            told = tuple(_told(one, name, status) for one in both)
            if told[0] != told[1] and told not in seen:
                seen.add(told)
                fields = sorted(set().union(*(_of_rules(one, name, status) for one in both)))
                sources = [_responses(one, name, status, fields) for one in both]
                yield _Question(
                    sources,
                    lambda one, value, name=name, status=status: _response(one, name, status, value),  # type: ignore[misc]
                )


# ---- What a contract says


def _request(observer: Observer, name: str, value: GeneratedRequest) -> bool:
    sent = {
        "path": {f"{{{number}}}": text for number, text in enumerate(value.path.values(), start=1)},
        "query": value.query,
        "header": value.headers,
        **({} if value.media_type is None else {"body": {value.media_type: value.body}}),
    }
    return observer.takes_request(name, sent)


def _response(observer: Observer, name: str, status: str, value: Json) -> list[Json]:
    body = value.get("body", {}).get("application/json")
    broken = observer.verdict.broken(name, response_of(status, value))
    return [sorted(broken), billed(observer.contract.operations[name], int(status), body)]


def _told(observer: Observer, name: str, status: str) -> str:
    """All that is said of a response, and what it costs."""
    bills = [
        rule for rule in observer.document["x-rules"] if "when" in rule and observer.covers(rule["id"], name, status)
    ]
    return observer.verdict.told(name, int(status)) + json.dumps(bills)


# ---- Values


def _responses(observer: Observer, name: str, status: str, fields: list[str]) -> SearchStrategy[Json]:
    """Responses of an operation, among them ones that have the status of a task and a field of which a rule speaks."""
    response = observer.contract.operations[name].responses[status]
    bodies: list[SearchStrategy[Json]] = []
    for kind, media in response.media.items():
        if media.schema is None or "json" not in kind:
            bodies.append(strategies.fixed_dictionaries({kind: strategies.text()}))
            continue
        pairs = [("status", field) for field in fields if "status" in fields and field != "status"]
        wanted: list[tuple[str, ...]] = [(), *((field,) for field in fields), *pairs]
        values = strategies.one_of([generated_values.of_schema(media.schema, one) for one in wanted])
        bodies.append(strategies.fixed_dictionaries({kind: values}))
    headers = {
        header.lower(): generated_values.of_schema(one.schema).map(_as_text) for header, one in response.headers.items()
    }
    return strategies.fixed_dictionaries(
        {"body": strategies.one_of(bodies), "header": strategies.fixed_dictionaries({}, optional=headers)}
    )


def _as_text(value: Json) -> str:
    """A value as it stands in a header."""
    text = value if isinstance(value, str) else json.dumps(value)
    return text.encode("latin-1", "replace").decode("latin-1")


def _of_rules(observer: Observer, name: str, status: str) -> set[str]:
    """The fields of which a rule about a response speaks."""
    rules = [rule for rule in observer.document["x-rules"] if observer.covers(rule["id"], name, status)]
    return set().union(*(_fields(rule.get("schema", rule.get("when", {}))) for rule in rules))


def _fields(schema: Json) -> set[str]:
    if not isinstance(schema, dict):
        return set()
    within = [branch for keyword in _WITHIN for branch in schema.get(keyword, ())]
    within += [schema[keyword] for keyword in _CONDITIONS if keyword in schema]
    return set(schema.get("properties", ())).union(*map(_fields, within))
