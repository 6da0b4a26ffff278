"""Whether a difference that breaks somebody can be seen: each by what an outside observer could check.

The comparison only gives the example. Who breaks by it is found anew, from the two documents:

- **requests and responses**: the message is judged by the validators of both documents (``observer``). Callers break by
  a request that they may send by the old document and no server takes by the new one, by a response that a server may
  send by the new document and no caller takes by the old one, and by a field of a response that the new document does
  not name. Servers break the other way round.
- **statuses**: a response with it is documented by one document alone.
- **causes** (``x-when``): what the cause is answered with, by each document.
- **keys**: whether each document lets a request in that has none.
- **bills**: the outcomes of a response in both contracts, by ``billing.billed``, the one implementation of the rule.
  Both documents have to allow the response.
- **lengths**: seconds of video for a request that both documents allow.
- **statuses of a task**: the list of each document that has it.
- **times** (``expires``, ``tolerance``, ``within``): a number of seconds that keeps what one document says, and not the
  other.
- **rules**: a response, a pair of reads or an operation of which the rule of one document alone speaks. Where the rule
  has a schema, both documents allow the response, and its body breaks the rule of one document alone. The rules of
  which a validator knows more (``CRAFTED``) have a response that breaks them.
- **names of the generated client**: the use works with the client that the generator makes of the old document, as its
  files say, and not with that of the new one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from octopusx_video_compat import Difference
from octopusx_video_openapi import Contract
from octopusx_video_openapi.billing import billed

from tests.campaigns.compat_mutants.generated import client, is_usable
from tests.campaigns.compat_mutants.observer import Observer, response_of
from tests.support import documents

Json = Any
CALLERS, SERVERS = "callers", "servers"
_OUTCOMES = {"never": {False}, "yes": {True}, "possible": {False, True}}
_SOURCE = 20.0

CRAFTED: dict[str, tuple[str | None, Json]] = {
    "R33": (None, {"body": {"application/json": None}}),
    "R36": (None, {"body": {"application/json": None}}),
    "R37": (None, {"body": {"application/json": None}}),
    "R38": ("418", {"body": {"application/json": None}}),
    "R39": (None, {"body": {"text/html": ""}}),
    "R40": (None, {"body": {"text/html": ""}}),
}
"""For each rule that every response is held to: the status, if only another will do, and what breaks it."""


class Witness(NamedTuple):
    """What shows that somebody breaks.

    Attributes:
        sides: Who breaks by it.
        how: What was observed.
    """

    sides: set[str]
    how: str


class Witnesses:
    """Finds out whether differences between two contracts can be seen.

    Args:
        base: The old contract.
        new: The new one.
    """

    def __init__(self, base: Contract, new: Contract) -> None:
        self._old = Observer(base)
        self._new = Observer(new)

    def of(self, difference: Difference) -> Witness:
        """What shows a difference. Its ``sides`` are empty where nothing does."""
        kind = difference.rule.partition(":")[0]
        known: dict[str, Callable[[Difference], Witness]] = {
            "request-callers": self._request,
            "request-servers": self._request,
            "response-callers": self._response,
            "response-servers": self._response,
            "response-read": self._response,
            "status-removed": self._status,
            "status-added": self._status,
            "cause": self._cause,
            "key-accepted": self._key,
            "key-refused": self._key,
            "bill": self._bill,
            "length": self._length,
            "status": self._phase,
            "life-expires": self._expires,
            "rule-removed": self._rule,
            "rule-added": self._rule,
            "rule-weaker": self._rule,
            "rule-stronger": self._rule,
            "client-position": self._use,
            "client-attribute": self._use,
            "client-type": self._type,
            "client-parameter": self._parameter,
        }
        if kind not in known:
            return Witness(set(), f"nothing is known that shows {kind}")
        return known[kind](difference)

    # ---- Messages

    def _request(self, difference: Difference) -> Witness:
        operation, value = _place(difference)[0], difference.example
        # A server takes a field that its contract does not name, but gives it no meaning.
        old, new = (one.sends_request(operation, value) for one in (self._old, self._new))
        return Witness(
            _sides(old and not new, new and not old), f"{operation}: a request that one document alone allows"
        )

    def _response(self, difference: Difference) -> Witness:
        (operation, status), value = _place(difference), difference.example
        is_lost = self._old.sends_response(operation, status, value) and not self._new.names_response(
            operation, status, value, every=True
        )
        is_unexpected = self._new.sends_response(operation, status, value) and not self._old.takes_response(
            operation, status, value
        )
        is_refused = self._old.takes_response(operation, status, value) and not self._new.takes_response(
            operation, status, value
        )
        how = f"{operation} {status}: a response that one document alone {'names' if is_lost else 'allows'}"
        return Witness(_sides(is_lost or is_unexpected, is_refused), how)

    def _status(self, difference: Difference) -> Witness:
        operation, status = difference.where, difference.example["status"]
        old, new = (status in one.statuses(operation) for one in (self._old, self._new))
        return Witness(_sides(new and not old, old and not new), f"{operation}: status {status} in one document alone")

    def _cause(self, difference: Difference) -> Witness:
        cause = difference.example["cause"]
        old, new = (one.status_of(difference.where, cause) for one in (self._old, self._new))
        how = f"{difference.where}: {cause} is answered with {old} by one document and {new} by the other"
        return Witness(_sides(old is not None and old != new, new is not None and old != new), how)

    def _key(self, difference: Difference) -> Witness:
        old, new = (one.verdict.is_open(difference.where) for one in (self._old, self._new))
        return Witness(_sides(old and not new, new and not old), f"{difference.where}: a request without a key")

    def _bill(self, difference: Difference) -> Witness:
        (operation, status), body = _place(difference), difference.example["body"]
        both = (self._old, self._new)
        if body is not None:
            sent = {"body": {"application/json": body}}
            if not all(one.takes_response(operation, status, sent) for one in both):
                return Witness(set(), "one of the documents does not allow the response")
        before, after = (_OUTCOMES[billed(one.contract.operations[operation], int(status), body)] for one in both)
        how = f"{operation} {status}: billed {sorted(before)} by one document and {sorted(after)} by the other"
        return Witness(_sides(bool(after - before), bool(before - after)), how)

    def _length(self, difference: Difference) -> Witness:
        operation, body = difference.where, difference.example
        seconds = []
        for one in (self._old, self._new):
            length = one.contract.operations[operation].result_length
            asked = documents.body_schema(one.contract.operations[operation])
            if length is None or not one.verdict.validator(asked).is_valid(body):
                return Witness(set(), "one of the documents does not allow the request")
            seconds.append(length.seconds(body, _SOURCE))
        differs = seconds[0] != seconds[1]
        return Witness(
            _sides(differs, differs), f"{operation}: {seconds[0]:g} s by one document, {seconds[1]:g} s by the other"
        )

    # ---- The life of a task

    def _phase(self, difference: Difference) -> Witness:
        status = difference.example
        old, new = self._old.phase(status), self._new.phase(status)
        is_new_end = old is None and new in {"SucceededStatus", "FailedStatus"}
        moved = old is not None and new is not None and old != new
        how = f"{status} is in {old} by one document and in {new} by the other"
        return Witness(_sides(is_new_end or moved, new is None or moved), how)

    def _expires(self, difference: Difference) -> Witness:
        old, new = (one.document["x-task-life"]["expires"]["after"] for one in (self._old, self._new))
        seconds = difference.example["seconds"]
        sides = _sides(new < seconds <= old, old < seconds <= new)
        return Witness(
            sides, f"a video is fetched after {seconds:g} s, of {old} s by one document and {new} s by the other"
        )

    # ---- Rules

    def _rule(self, difference: Difference) -> Witness:
        _, _, fact = difference.rule.partition(": ")
        rule, example = difference.where, difference.example or {}
        old, new = self._old.rule(rule), self._new.rule(rule)
        if (new or old).get("billed") == "possible" and fact != "billed":
            return Witness(set(), "the rule permits what counts as possible anyhow")
        if fact == "level":
            both = all(self._is_concerned(one, rule, example) for one in (self._old, self._new))
            how = f"{_shown(example)} breaks a {old['level']} of one document and a {new['level']} of the other"
            return Witness(_sides(both and new["level"] != "must", both and old["level"] != "must"), how)
        if fact in {"tolerance", "within"}:
            before, after = (one[fact]["seconds"] for one in (old, new))
            seconds = example["seconds"]
            sides = _sides(before < seconds <= after, after < seconds <= before)
            return Witness(sides, f"{fact}: {seconds:g} s, of {before} s by one document and {after} s by the other")
        if fact == "billed":
            outcomes = [_OUTCOMES[one["billed"]] for one in (old, new)]
            sides = _sides(outcomes[1] - outcomes[0], outcomes[0] - outcomes[1])
            return Witness(sides, f"billed {old['billed']} by one document and {new['billed']} by the other")
        for one in self._concerned(rule, example):
            here, there = (self._is_concerned(observer, rule, one) for observer in (self._old, self._new))
            if here != there:
                how = f"{_shown(one)} is what the rule of one document alone forbids"
                return Witness(_sides(here, there), how)
        return Witness(set(), f"{_shown(example)} is what the rule of both documents or of neither forbids")

    def _concerned(self, name: str, example: Json) -> list[Json]:
        """What may show a rule: the example; where it only names the first operation of a whole rule, each of them."""
        if (
            name not in CRAFTED
            or example.keys() != {"operation"}
            or all(one.rule(name) for one in (self._old, self._new))
        ):
            return [example]
        rule = self._old.rule(name) or self._new.rule(name)
        return [{"operation": operation} for operation in rule["operations"]]

    def _is_concerned(self, observer: Observer, name: str, example: Json) -> bool:
        """Whether the rule of a document speaks of what an example shows, and is broken by it where it has a schema."""
        rule = observer.rule(name)
        operation, status = example.get("operation"), example.get("status")
        if rule is None or not observer.covers(name, operation, status):
            return False
        if "body" in example:
            sent = {"body": {"application/json": example["body"]}}
            is_allowed = all(one.takes_response(operation, status, sent) for one in (self._old, self._new))
            return is_allowed and observer.breaks(name, operation, status, example["body"])
        if "submit" in example:
            return example["read"] in rule.get("read-by", {}).get(example["submit"], ())
        if "reads" in example:
            return self._are_reads(example["reads"], rule) and _forbids(rule, example["reads"])
        if name in CRAFTED and operation is not None:
            return self._is_crafted(observer, name, operation, status)
        return True

    def _are_reads(self, reads: list[Json], rule: Json) -> bool:
        """Whether both documents allow responses with these fields, for one of the operations of a rule."""
        return any(
            all(
                one.takes_response(operation, "200", {"body": {"application/json": {**example, **read}}})
                and one.names_response(operation, "200", {"body": {"application/json": {**example, **read}}})
                for one in (self._old, self._new)
                for read in reads
            )
            for operation in rule["operations"]
            for example in self._examples(operation)
        )

    def _examples(self, operation: str) -> list[Json]:
        contract = self._old.contract
        response = dict(documents.responses(contract, contract.operations[operation]))["200"]
        return [value for media in response["content"].values() for _, value in documents.examples(contract, media)]

    @staticmethod
    def _is_crafted(observer: Observer, name: str, operation: str, status: str | None) -> bool:
        other, value = CRAFTED[name]
        statuses = [status] if status else [other] if other else sorted(observer.statuses(operation))
        return any(name in observer.verdict.broken(operation, response_of(one, value)) for one in statuses)

    # ---- The generated client

    def _use(self, difference: Difference) -> Witness:
        old, new = (is_usable(client(one.contract), difference.example) for one in (self._old, self._new))
        return Witness(_sides(old and not new), f"{difference.example} works with one generated client alone")

    def _type(self, difference: Difference) -> Witness:
        model, _, attribute = difference.example.partition("(...).")
        old, new = (client(one.contract).models[model][attribute] for one in (self._old, self._new))
        return Witness(_sides(old != new), f"{difference.example} is {old} in one client and {new} in the other")

    def _parameter(self, difference: Difference) -> Witness:
        old, new = (client(one.contract).methods[difference.where] for one in (self._old, self._new))
        lost = old.keys() - new.keys()
        needed = {name for name, is_required in new.items() if is_required and not old.get(name)}
        what = ", ".join(sorted(lost | needed))
        how = f"{difference.where} has lost or needs {what} in the client of one document alone"
        return Witness(_sides(bool(lost | needed)), how)


def _sides(callers: object, servers: object = None) -> set[str]:
    return ({CALLERS} if callers else set()) | ({SERVERS} if servers else set())


def _place(difference: Difference) -> tuple[str, str]:
    """The first operation of a difference, and the status or ``request``."""
    operation, what = difference.where.partition(",")[0].split(" ")[:2]
    return operation, what


def _forbids(rule: Json, reads: list[Json]) -> bool:
    """Whether reads of one task, in their order, are what a rule about a task's life forbids."""
    if len(reads) == 1:
        (first, before), (second, after) = reads[0].items()
        order = rule.get("in-order", [])
        return {first, second} <= set(order) and order.index(first) < order.index(second) and before > after
    [(field, before)], [(_, after)] = (read.items() for read in reads)
    return (field in rule.get("constant", ()) and before != after) or (
        field in rule.get("never-falls", ()) and before > after
    )


def _shown(example: Json) -> str:
    known = (str(example[key]) for key in ("operation", "status", "submit", "read", "reads", "body") if key in example)
    return " ".join(known) or "any response"
