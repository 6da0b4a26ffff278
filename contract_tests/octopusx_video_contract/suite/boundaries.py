"""Layer: boundaries. What a server must turn away, what it must not, and in which order it looks."""

from __future__ import annotations

import contextlib
import functools
import itertools
import urllib.parse
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from octopusx_video_openapi import METHODS, Operation, RuleId, lifecycle, operations, task_ids

from octopusx_video_contract.cases import (
    credentials,
    invalid_values,
    request_values,
    routes,
    submit_bodies,
    unusual_bodies,
    valid_values,
)
from octopusx_video_contract.cases.credentials import Credential
from octopusx_video_contract.cases.sizes import Sizes
from octopusx_video_contract.cases.submit_bodies import a_submit
from octopusx_video_contract.cases.variants import Variant
from octopusx_video_contract.checks import single_response
from octopusx_video_contract.checks.registry import checks, outcomes
from octopusx_video_contract.checks.single_response import UNKNOWN_TASK
from octopusx_video_contract.checks.task_life import Task
from octopusx_video_contract.core.asking import ask_each
from octopusx_video_contract.core.billing_check import BillingCheck
from octopusx_video_contract.core.findings import Finding, Findings
from octopusx_video_contract.core.run import current
from octopusx_video_contract.messages.http import ABSENT, Request, Response
from octopusx_video_contract.messages.text import shortened
from octopusx_video_contract.scenarios.downloads import Downloads
from octopusx_video_contract.scenarios.task_driver import TaskDriver
from octopusx_video_contract.sending.budget import NotAskedError

RUN = current()
CONTRACT = RUN.contract
OPERATIONS = list(CONTRACT.operations.values())
SECURED = [operation for operation in OPERATIONS if operation.is_secured]
SUBMITS = set(CONTRACT.submits)
WITH_BODY = [operation for operation in OPERATIONS if operation.body is not None]
WITH_TASK = [operation for operation in OPERATIONS if task_ids.places(operation)]
WITH_COLON = next((task for task in RUN.settings.known_ids if ":" in task), None)
KNOWN = next(iter(RUN.settings.known_ids), "unknown")
STATELESS = pytest.mark.skipif(
    RUN.settings.stateless, reason="R46, R48 and R55 can't be asked of a server that keeps no tasks"
)
_OVERRIDING = ("X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override")
"""Headers that some frameworks take the method from."""
MAX_SHOWN = 120
"""Characters of a body in the name of a case."""
FEW = 3
"""Sizes of a value that are asked of where each may cost money."""
LARGE = 11_000_000
"""Bytes of a prompt that is larger than most servers take."""


def _name(operation: Operation) -> str:
    return operation.id


def _valid(operation: Operation, task: str = KNOWN) -> list[request_values.RequestValues]:
    return request_values.valid_requests(operation, task)


def _made(operation: Operation, values: Any, **options: Any) -> Request:
    """The request of a variant, or of a valid request."""
    raw = options.pop("raw", getattr(values, "raw", None))
    return RUN.request(operation, path=values.path, query=values.query, body=values.body, raw=raw, **options)


def _allowed(request: Request, rule: RuleId, what: str, *statuses: int) -> None:
    """Send a request whose response has to have one of these statuses, by a rule."""
    response = RUN.send(request)
    fault = f"{what}: it got {response.status}"
    RUN.recorder.check_response(response, [(rule, None if response.status in statuses else fault)])


# Credentials: rules R01 and R02.


@pytest.mark.parametrize("operation", SECURED, ids=_name)
def test_no_operation_succeeds_without_a_valid_key(operation: Operation) -> None:
    """Whatever stands in the place of a valid credential, a valid request gets 401."""

    def ask(credential: Credential) -> None:
        if RUN.paid and credential.derived and operation.id in SUBMITS:
            raise NotAskedError("a lenient server could take what is made of the key for the key")
        values = _valid(operation)[0]
        if credential.body and not isinstance(values.body, dict):
            return
        body = {**values.body, **credential.body} if credential.body else values.body
        values = replace(values, query={**values.query, **credential.query}, body=body)
        request = _made(operation, values, headers=credential.headers, credential=None)
        _refused(operation, request, credential.name)

    ask_each(RUN, credentials.invalid(RUN.settings.key), ask)


@pytest.mark.parametrize("operation", SECURED, ids=_name)
def test_the_credential_is_looked_at_first(operation: Operation) -> None:
    """Without a valid key the response is 401, although something else is wrong as well."""

    def ask(case: tuple[str | None, str, dict[str, Any], str]) -> None:
        credential, what, options, task = case
        for values in _valid(operation, task)[:1]:
            _refused(operation, _made(operation, values, credential=credential, **options), what)

    wrong = [(what, options, KNOWN) for what, options in unusual_bodies.wrong_otherwise(operation)]
    cases = [
        (credential, *one)
        for credential in (None, "Bearer made-up", "Basic made-up")
        for one in (*wrong, ("an unknown task", {}, "unknown"))
    ]
    if operation in WITH_BODY and not RUN.paid and not RUN.settings.stateless:
        cases.append((None, "a body that is too large", {"raw": b" " * LARGE}, KNOWN))
    ask_each(RUN, cases, ask)


@checks(RuleId.R01, RuleId.R02)
def _refused(operation: Operation, request: Request, what: str) -> None:
    response = RUN.send(request)
    fault = f"{operation.id}: {what}: it got {response.status}"
    kept = ((RuleId.R01, not response.is_success), (RuleId.R02, response.status == 401))
    RUN.recorder.check_response(response, [(rule, None if is_kept else fault) for rule, is_kept in kept])


@checks(RuleId.R34)
@pytest.mark.skipif(
    not RUN.settings.other_key or RUN.paid, reason="R34 needs a second key (OCTOPUSX_OTHER_API_KEY) for that"
)
@pytest.mark.parametrize("operation", SECURED, ids=_name)
def test_every_key_works(operation: Operation) -> None:
    """A key of another account is a valid key, of every operation; that it does not know the task is another matter."""
    with BillingCheck(RUN):
        response = RUN.send(_made(operation, _valid(operation)[0], credential=f"Bearer {RUN.settings.other_key}"))
        fault = f"{operation.id}: a second key that works got {response.status}"
        is_kept = response.is_success or response.status in {400, 404}
        RUN.recorder.check_response(response, [(RuleId.R34, None if is_kept else fault)])


@checks(RuleId.R57)
@pytest.mark.parametrize("operation", SECURED, ids=_name)
def test_scheme_in_another_case(operation: Operation) -> None:
    """The key is accepted after the name of its scheme in upper, lower and mixed case."""

    def ask(credential: str) -> None:
        if RUN.paid and operation.id in SUBMITS:
            raise NotAskedError("a submit that asks about the scheme alone is not worth its price")
        response = RUN.send(_made(operation, _valid(operation)[0], credential=credential))
        scheme = credential.partition(" ")[0]
        fault = f"{operation.id}: the key after {scheme} got 401" if response.status == 401 else None
        RUN.recorder.check_rejected(response, RuleId.R57, fault, scheme)

    ask_each(RUN, credentials.respelt(RUN.settings.key), ask)


# Values: rules R41 and R34.


Place = tuple[str, ...]


@functools.cache
def _near(operation_id: str) -> dict[Place, list[Variant]]:
    """What is just wrong with a request: by the field or the parameter, or the body as a whole."""
    operation = CONTRACT.operations[operation_id]
    valid = _valid(operation)
    found: dict[Place, list[Variant]] = {}
    for variant in itertools.chain(
        invalid_values.invalid_variants(operation, valid[-1]),
        invalid_values.invalid_variants_alone(operation, valid[0]),
    ):
        found.setdefault(variant.place[:2], []).append(variant)
    return found


NEAR = [
    pytest.param(operation, place, id=f"{operation.id} {' '.join(place)}")
    for operation in OPERATIONS
    for place in sorted(_near(operation.id))
]


@checks(RuleId.R41)
@pytest.mark.parametrize(("operation", "place"), NEAR)
def test_what_is_just_wrong_is_refused(operation: Operation, place: Place) -> None:
    """Beside each value that the contract allows lies one that it does not, which is refused."""

    def ask(variant: Variant) -> None:
        statuses = [400] if variant.place[0] == "body" else [400, 404]
        if any("/" in value for value in variant.path.values()):
            statuses.append(405)  # of a server that decodes a slash before it looks where the path leads
        _allowed(_made(operation, variant), RuleId.R41, f"{operation.id}: {variant.name}", *statuses)

    ask_each(RUN, _near(operation.id)[place], ask)


@pytest.mark.parametrize("operation", OPERATIONS, ids=_name)
def test_what_is_just_right_is_not_refused(operation: Operation) -> None:
    """Each value at the edge of what the contract allows is taken."""

    def ask(variant: Variant) -> None:
        _taken(operation, _made(operation, variant), variant.name)

    bases = _valid(operation)
    ask_each(RUN, (variant for base in bases for variant in valid_values.valid_variants(operation, base)), ask)


def _taken(operation: Operation, request: Request, what: str) -> None:
    response = RUN.send(request)
    RUN.recorder.check_response(response, RUN.recorder.rejected(response, what))


# Media types and charsets: rules R42, R27 and R34.


@checks(RuleId.R42)
@pytest.mark.parametrize("operation", WITH_BODY, ids=_name)
def test_body_under_another_media_type(operation: Operation) -> None:
    """A body that says that it is something else than JSON is refused, whatever it holds."""
    values = next(values for values in _valid(operation) if values.body is not ABSENT)

    def ask(case: tuple[str, bytes]) -> None:
        media_type, raw = case
        request = _made(operation, values, raw=raw, headers=[("Content-Type", media_type)])
        kind = "JSON" if raw.startswith(b"{") else "a form"
        _allowed(request, RuleId.R42, f"{operation.id}: {kind} as {media_type}", 400)

    ask_each(RUN, unusual_bodies.under_another_media_type(values.body), ask)


@pytest.mark.parametrize("operation", OPERATIONS, ids=_name)
def test_media_type_in_other_words(operation: Operation) -> None:
    """JSON stays JSON with a parameter, in upper case, and whatever is accepted in return."""
    kinds = {kind for response in operation.responses.values() for kind in response.media}
    spellings = [
        [("Content-Type", "application/json; charset=utf-8")],
        [("Content-Type", "application/json;charset=UTF-8")],
        [("Content-Type", 'application/json; charset="utf-8"')],
        [("Content-Type", "Application/JSON")],
        [("Accept", "*/*")],
        [("Accept", ", ".join(sorted(kinds)))],
        [("Accept", "application/json, video/*, text/plain;q=0.5, */*;q=0.1")],
        [("Accept-Language", "de, en;q=0.5"), ("Accept-Encoding", "identity")],
        [("X-Request-Id", "of-the-caller"), ("User-Agent", "somebody/1.0")],
    ]

    def ask(headers: list[tuple[str, str]]) -> None:
        _taken(operation, _made(operation, _valid(operation)[0], headers=headers), f"{headers[0][0]}: {headers[0][1]}")

    usable = [headers for headers in spellings if operation in WITH_BODY or headers[0][0] != "Content-Type"]
    ask_each(RUN, usable, ask)


@checks(RuleId.R27)
@pytest.mark.parametrize("operation", WITH_BODY, ids=_name)
def test_body_that_is_not_json(operation: Operation) -> None:
    """A body that is not JSON is refused with 400, at once."""

    def ask(body: bytes) -> None:
        what = f"{operation.id}: the body {shortened(repr(body)[1:], MAX_SHOWN)}"
        _allowed(_made(operation, _valid(operation)[0], raw=body), RuleId.R27, what, 400)

    ask_each(RUN, unusual_bodies.not_json(_valid(operation)[-1].body), ask)


@checks(RuleId.R41)
@pytest.mark.parametrize("operation", WITH_BODY, ids=_name)
def test_outlandish_values_break_nothing(operation: Operation) -> None:
    """What nobody would send is taken or refused as the contract has it, and does not break the server."""
    values = _valid(operation)[-1]

    def ask(case: unusual_bodies.Outlandish) -> None:
        request = _made(operation, values, raw=case.raw)
        if case.is_valid is None:
            RUN.recorder.check_response(RUN.send(request))
        elif case.is_valid:
            _taken(operation, request, case.name)
        else:
            _allowed(request, RuleId.R41, f"{operation.id}: {case.name}", 400)

    ask_each(RUN, unusual_bodies.outlandish(operation, values), ask)


@pytest.mark.skipif(RUN.paid or RUN.settings.stateless, reason="large bodies are only sent to a mock that keeps tasks")
@pytest.mark.parametrize("operation", WITH_BODY, ids=_name)
def test_large_body(operation: Operation) -> None:
    """A prompt of eleven megabytes is taken, or refused as too large; nothing breaks over it."""
    values = _valid(operation)[-1]
    request = _made(operation, replace(values, body={**values.body, "prompt": "a" * LARGE}))
    with BillingCheck(RUN):
        _taken(operation, request, "a large body")


# Routing: rules R32, R43 and R46.


@checks(RuleId.R32)
@pytest.mark.parametrize("path", CONTRACT.paths)
def test_method_that_the_path_does_not_have(path: str) -> None:
    """Another method is refused with 405 and an Allow that lists the right ones; 404 is the gateway's way."""
    right = set(CONTRACT.paths[path])

    def ask(case: tuple[str, str]) -> None:
        method, override = case
        # A DELETE that the documentation does not mention would delete: what is real is not named.
        target = operations.filled(path, lambda _: "unknown" if RUN.paid else KNOWN)
        headers = [("Authorization", f"Bearer {RUN.settings.key}")]
        headers += [(name, override) for name in _OVERRIDING if override]
        response = RUN.send(Request(method, target, tuple(headers)))
        if method == "OPTIONS" and response.status in {200, 204}:
            return  # RFC 9110 section 9.3.7: it asks which methods there are
        RUN.recorder.check_all(outcomes(RuleId.R32, _method_faults(response, right), f"{method} {path}"), response)

    # A concrete path is also one of a template: GET /v1/videos/extensions reads the task of that name.
    there = right | operations.methods(CONTRACT, path)
    # A server that answers GET may answer HEAD (RFC 9110 section 9.3.2).
    there |= {"HEAD"} if "GET" in there else set()
    wrong = [method.upper() for method in METHODS if method.upper() not in there]
    # What a read could be made of; a POST is no submit then, whoever takes the header for the method.
    overridden = [("POST", "GET")] if "GET" in right and "POST" in wrong else []
    ask_each(RUN, [*((method, "") for method in wrong), *overridden], ask)


def _method_faults(response: Response, right: set[str]) -> Iterator[str]:
    """What is wrong with the refusal of a method that a path does not have; ``right`` are those that it has."""
    allow = {name.strip().upper() for name in response.headers.get("allow", "").split(",")}
    if response.status == 405 and (not right <= allow or response.request.method in allow):
        yield f": Allow is {response.headers.get('allow')!r}, right is {', '.join(sorted(right))}"
    elif response.status == 404 and not single_response.is_wrong_route(CONTRACT, response):
        yield " got 404 without the error of a route that is not there"
    elif response.status not in {404, 405}:
        yield f" got {response.status}"


@checks(RuleId.R58)
@pytest.mark.parametrize("path", [path for path in CONTRACT.paths if routes.shared(CONTRACT, path)])
def test_concrete_path_comes_before_a_template(path: str) -> None:
    """A path as the contract has it is no task of that name: its own methods work, the template's find nothing.

    A server that keeps no tasks knows every name, so that it is asked for the path's own methods alone.
    """
    right = set(CONTRACT.paths[path])

    def ask(operation: Operation) -> None:
        response = RUN.send(replace(_made(operation, _valid(operation)[0]), target=path))
        what = f"{operation.method.upper()} {path}"
        if operation.path == path:
            shadowed = response.status == 405 or single_response.is_wrong_route(CONTRACT, response)
            fault = f"{what} got {response.status}, as if a template was matched first" if shadowed else None
            RUN.recorder.check_rejected(response, RuleId.R58, fault, what)
        elif response.status in {400, 404}:
            RUN.recorder.check_response(response, [(RuleId.R58, None)])
        else:
            faults = [f" got {response.status}"] if response.status != 405 else _method_faults(response, right)
            RUN.recorder.check_all(outcomes(RuleId.R58, faults, what), response)

    shared = routes.shared(CONTRACT, path)
    ask_each(RUN, [operation for operation in shared if operation.path == path or not RUN.settings.stateless], ask)


@checks(RuleId.R43)
@pytest.mark.parametrize("operation", OPERATIONS, ids=_name)
def test_path_that_is_almost_one(operation: Operation) -> None:
    """A path that looks like one of the contract's, and is none, is not found."""
    values = _valid(operation)[0]

    def ask(path: str) -> None:
        request = _made(operation, values)
        query = request.target.partition("?")[2]
        response = RUN.send(replace(request, target=path + (f"?{query}" if query else "")))
        # Where it sends the caller is not asked, and has to be a path of the contract.
        location = urllib.parse.urlsplit(response.headers.get("location", "")).path
        is_moved = response.status in {301, 302, 307, 308} and bool(operations.methods(CONTRACT, location))
        fault = f"{request.method} {path} got {response.status}"
        RUN.recorder.check(RuleId.R43, None if response.status == 404 or is_moved else fault, response)

    ask_each(RUN, routes.almost(CONTRACT, operation, values.path), ask)


def _is_another_path(operation: Operation, task: str) -> bool:
    """Whether a task of this name makes a concrete path of the contract, which goes before a template (OpenAPI 3.1)."""
    return operations.filled(operation.path, lambda _: task) in CONTRACT.paths and "{" in operation.path


@checks(RuleId.R46)
@STATELESS
@pytest.mark.parametrize("operation", WITH_TASK, ids=_name)
def test_task_that_does_not_exist(operation: Operation) -> None:
    """An id that nobody was given is unknown: one that looks like another's, or like a part of a path."""

    def ask(case: tuple[str, list[tuple[str, str]]]) -> None:
        task, headers = case
        response = RUN.send(_made(operation, _valid(operation, task)[0], headers=headers))
        fault = None if response.status in UNKNOWN_TASK else f"{operation.id}: {task} got {response.status}"
        RUN.recorder.check_rejected(response, RuleId.R46, fault, task)

    cases: list[tuple[str, list[tuple[str, str]]]] = [
        (task, [])
        for task in routes.unknown_tasks(CONTRACT, RUN.settings.known_ids, RUN.settings.seed)
        if not _is_another_path(operation, task)
    ]
    ask_each(RUN, [*cases, (cases[0][0], [("Range", "bytes=0-9")])], ask)


@checks(RuleId.R46)
@STATELESS
@pytest.mark.parametrize("operation", [one for one in WITH_BODY if "{" in one.path], ids=_name)
def test_task_of_the_path_is_the_one_that_counts(operation: Operation) -> None:
    """A body that names a known task under whatever name does not make up for an unknown one in the path."""
    values = _valid(operation, "unknown")[0]
    named = dict.fromkeys(sorted(request_values.task_names(CONTRACT)), KNOWN)
    with BillingCheck(RUN):
        response = RUN.send(_made(operation, replace(values, body={**values.body, **named})))
        fault = f"{operation.id}: an unknown task in the path got {response.status}"
        RUN.recorder.check_response(response, [(RuleId.R46, None if response.status in UNKNOWN_TASK else fault)])


@checks(RuleId.R41, RuleId.R46)
@pytest.mark.parametrize("operation", WITH_BODY, ids=_name)
def test_body_of_another_operation(operation: Operation) -> None:
    """The body of one submit at the path of another is checked by that path, and names no source that it does not."""
    words = sorted({word for path in CONTRACT.paths for word in path.split("/") if word and "{" not in word})
    tasks = [KNOWN, *(() if RUN.settings.stateless or "{" not in operation.path else words)]

    def ask(case: tuple[str, Any, bool | None]) -> None:
        task, body, is_valid = case
        request = _made(operation, replace(_valid(operation, task)[0], body=body))
        if is_valid is None:
            RUN.recorder.check_response(RUN.send(request))
        elif not is_valid:
            _allowed(request, RuleId.R41, f"{operation.id}: the body of another submit", 400)
        elif task == KNOWN:
            _taken(operation, request, "the body of another submit")
        else:
            _allowed(request, RuleId.R46, f"{operation.id}: the body of another submit, with the task {task}", 400, 404)

    cases = [(task, *case) for task in tasks for case in unusual_bodies.bodies_of_others(operation, KNOWN)]
    ask_each(RUN, [case for case in cases if not _is_another_path(operation, case[0])], ask)


@pytest.mark.parametrize("operation", [one for one in WITH_TASK if one.method == "get" or "{" in one.path], ids=_name)
def test_colon_of_an_id_is_the_same_encoded(operation: Operation) -> None:
    """An id names the same task with its colon as it is and percent-encoded, in a path and in a query."""
    if WITH_COLON is None:
        pytest.skip("no finished task with a colon in its id is known")

    def ask(spelling: str) -> None:
        request = _made(operation, _valid(operation, WITH_COLON)[0])
        target = request.target.replace(WITH_COLON, WITH_COLON.replace(":", spelling))
        _taken(operation, replace(request, target=target), f"a colon as {spelling}")

    ask_each(RUN, [":", "%3A", "%3a"], ask)


# Sizes: rules R34, R48 and R55. They stand last, since they are many and find little.


@pytest.mark.parametrize("operation", OPERATIONS, ids=_name)
def test_any_size_that_is_right_is_not_refused(operation: Operation) -> None:
    """Each size between the edges of what the contract allows is taken."""

    def ask(variant: Variant) -> None:
        _taken(operation, _made(operation, variant), variant.name)

    fullest = _valid(operation)[-1]
    known = {variant.name for variant in valid_values.valid_variants(operation, fullest)}
    variants = valid_values.valid_variants(operation, fullest, _sizes(operation))
    ask_each(RUN, [variant for variant in variants if variant.name not in known], ask)


def _sizes(operation: Operation) -> Sizes:
    """The sizes of an operation's values; few of them where each may cost money."""
    return Sizes(RUN.settings.seed, operation.id, FEW if RUN.paid else None)


@STATELESS
@pytest.mark.skipif(not RUN.settings.known_ids, reason="R48 and R55 need a finished task that is known")
@pytest.mark.parametrize("operation", [one for one in WITH_BODY if one.id in SUBMITS], ids=_name)
def test_a_task_of_any_size_is_told_as_it_was_sent(operation: Operation) -> None:
    """Prompts of every length are reported whole, and videos that begin at any second have the right length."""
    tasks = TaskDriver(RUN)

    def submitted(body: dict[str, Any]) -> None:
        # It may begin behind the end of its source, for which a server may refuse it.
        task = tasks.submit(operation, body, KNOWN, sure=False)
        for route in tasks.routes(operation.id):
            tasks.first_read(task, route)

    def ended(task: Task) -> None:
        for route in tasks.routes(operation.id):
            tasks.read(task, route)
        if task.phase == "succeeded":
            Downloads(tasks).download(task)

    bodies = submit_bodies.of_each_size(operation, a_submit(operation), _sizes(operation))
    found: list[Finding] = []
    with _finding_too(found):
        ask_each(RUN, bodies, submitted)
    if RUN.control is not None:
        RUN.control.advance(2 * lifecycle.task_life(CONTRACT).lasts)
        with _finding_too(found):
            ask_each(RUN, tasks.made, ended)
    if found:
        raise Findings(found)


@contextlib.contextmanager
def _finding_too(found: list[Finding]) -> Iterator[None]:
    """Keep what is found in a block, and go on after it."""
    try:
        yield
    except Findings as several:
        found += several.findings
