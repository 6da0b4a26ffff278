"""What changes of the messages between callers and servers: operations, requests, responses, keys and links. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from octopusx_video_openapi import Contract, Operation, Response, values

from octopusx_video_compat.difference import BOTH, CALLERS, SERVERS, Difference, Side
from octopusx_video_compat.messages import home, request, response, route
from octopusx_video_compat.refusals import Refusal, refusals
from octopusx_video_compat.sentences import OLD_CALLER, OLD_SERVER, Case, sentence
from octopusx_video_compat.shapes import Form, Lists, Shape, text

Pair = tuple[Operation, Operation]
"""An operation of the old contract and the one of the new contract with the same method and path."""
_UNKNOWN = ("unevaluatedProperties", "additionalProperties")


def pairs(base: Contract, new: Contract) -> list[Pair]:
    """The operations that both contracts have."""
    known = {route(operation): operation for operation in new.operations.values()}
    return [(old, known[route(old)]) for old in base.operations.values() if route(old) in known]


def of_operations(base: Contract, new: Contract) -> Iterator[Difference]:
    """Operations that are gone or new."""
    old_routes = {route(operation) for operation in base.operations.values()}
    new_routes = {route(operation) for operation in new.operations.values()}
    for operation in base.operations.values():
        if route(operation) not in new_routes:
            what = f"{_shown(operation)} was there and is gone"
            yield Difference("operation-removed", operation.id, home(operation), CALLERS, what, 0, in_base=True)
    for operation in new.operations.values():
        if route(operation) not in old_routes:
            what = f"{_shown(operation)} is new, and a server of the old contract does not have it"
            yield Difference("operation-added", operation.id, home(operation), SERVERS, what, 0)


def of_messages(pair: Pair, lists: Lists) -> Iterator[Difference]:
    """Requests and responses that one contract allows and the other does not."""
    old, new = pair
    before, after = request(old, ()), request(new, lists)
    yield from _found("request-callers", new, refusals(before, after), after, CALLERS)
    yield from _found("request-servers", new, refusals(after, before), before, SERVERS)
    for status in old.responses.keys() | new.responses.keys():
        if status not in new.responses:
            what = f"a response with status {status} is not allowed any more, and {OLD_SERVER} may send it"
            pointer = (*home(old), "responses", status)
            example = {"status": status}
            yield Difference("status-removed", new.id, pointer, SERVERS, what, 3, example=example, in_base=True)
            continue
        pointer = (*home(new), "responses", status)
        if status not in old.responses:
            what = f"a response with status {status} is allowed now, and {OLD_CALLER} does not expect it"
            yield Difference("status-added", new.id, pointer, CALLERS, what, 3, example={"status": status})
            continue
        yield from _of_responses(pair, status, lists)


def of_keys(pair: Pair) -> Iterator[Difference]:
    """The keys that a request needs."""
    old, new = pair
    before, after = _keys(old), _keys(new)
    pointer = (*home(new), "security")
    if any(not any(needed <= sent for needed in after) for sent in before):
        what = "a request with what was enough to be let in is refused now"
        yield Difference("key-refused", new.id, pointer, CALLERS, what, 0, example=_credentials(before))
    if any(not any(needed <= sent for needed in before) for sent in after):
        what = "a request is let in now with what a server of the old contract refuses"
        yield Difference("key-accepted", new.id, pointer, SERVERS, what, 0, example=_credentials(after))


def of_links(pair: Pair) -> Iterator[Difference]:
    """By which operations a new task can be read."""
    old, new = pair
    before, after = _links(old), _links(new)
    for status, target, _ in sorted(before - after):
        pointer = (*home(new), "responses", status, "links")
        what = f"a new task could be read with {' '.join(target)}, and no link leads there any more"
        yield Difference("link-removed", new.id, pointer, CALLERS, what, 0)
    for status, target, _ in sorted(after - before):
        pointer = (*home(new), "responses", status, "links")
        what = f"a new task can be read with {' '.join(target)} now, and a server of the old contract need not do that"
        yield Difference("link-added", new.id, pointer, SERVERS, what, 0)


def _of_responses(pair: Pair, status: str, lists: Lists) -> Iterator[Difference]:
    old, new = pair
    before, after = old.responses[status], new.responses[status]
    where = (new, f"{new.id} {status}")

    def shapes(form_before: Form, form_after: Form) -> tuple[Shape, Shape]:
        return response(old, before, form_before, ()), response(new, after, form_after, lists)

    written_before, written_after = shapes("written", "written")
    if text(written_before.schema) == text(written_after.schema):
        return
    open_before, closed_after = shapes("open", "closed")
    found = refusals(closed_after, open_before)
    yield from _found("response-callers", new, found, open_before, CALLERS, where[1], convention=0)
    closed_before, _ = shapes("closed", "closed")
    lost = [one for one in refusals(closed_before, closed_after) if _is_lost(one, after)]
    yield from _found("response-read", new, lost, closed_before, CALLERS, where[1], convention=1)
    found = refusals(written_before, written_after, is_open=True)
    yield from _found("response-servers", new, found, written_after, SERVERS, where[1], convention=0)


def _is_lost(refusal: Refusal, after: Response) -> bool:
    """Whether a response has a field or a header that the new contract does not name."""
    if refusal.keyword not in _UNKNOWN:
        return False
    if refusal.place == ("header",):
        return refusal.name not in {name.lower() for name in after.headers}
    if len(refusal.place) < 2:
        return False  # another media type
    media = after.media.get(str(refusal.place[1]))
    path = tuple(values.ITEM if isinstance(step, int) else str(step) for step in refusal.place[2:])
    known = values.places(media.schema) if media is not None and media.schema is not None else ()
    return (*path, refusal.name) not in {place.path for place in known}


def _found(
    case: Case,
    operation: Operation,
    found: list[Refusal],
    refusing: Shape,
    breaks: tuple[Side, ...],
    where: str = "",
    convention: int | None = None,
) -> Iterator[Difference]:
    for refusal in found:
        unknown = refusal.keyword in _UNKNOWN
        path = refusal.path
        if unknown and case in {"request-servers", "response-callers"}:
            path = refusal.path[:-1]
        yield Difference(
            f"{case}: {refusal.keyword}",
            where or f"{operation.id} request",
            _pointer(refusing, path, refusal),
            breaks,
            sentence(case, refusal),
            (1 if unknown else 0) if convention is None else convention,
            example=refusal.value,
        )


def _pointer(refusing: Shape, path: tuple[str | int, ...], refusal: Refusal) -> tuple[str | int, ...]:
    """Where the limit stands; for a property that is not named, where it would be."""
    if refusal.keyword in _UNKNOWN and path[-1:] == (refusal.keyword,):
        return (*refusing.pointer(path[:-1]), "properties", refusal.name)
    return refusing.pointer(path)


def _keys(operation: Operation) -> set[frozenset[tuple[str, str]]]:
    """The groups of keys of which a request needs one: each key by its type and scheme."""
    known = operation.contract.security_schemes
    groups = operation.schemes or ((),)
    return {frozenset(known.get(name, (name, "")) for name in group) for group in groups}


def _credentials(groups: set[frozenset[tuple[str, str]]]) -> list[list[str]]:
    return sorted(sorted(" ".join(key) for key in group) for group in groups)


def _links(operation: Operation) -> set[tuple[str, tuple[str, str], tuple[str, ...]]]:
    known: Mapping[str, Operation] = operation.contract.operations
    return {
        (status, route(known[link.operation]), tuple(sorted(link.parameters.values())))
        for status, one in operation.responses.items()
        for link in one.links
        if link.operation in known
    }


def _shown(operation: Operation) -> str:
    return f"{operation.method.upper()} {operation.path}"


__all__ = ["BOTH", "Pair", "of_keys", "of_links", "of_messages", "of_operations", "pairs"]
