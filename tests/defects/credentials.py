"""Servers that look at the key too late, too little or not at all."""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import parse_qs

from octopusx_video_mock.messages import Request, Response

from tests.defects._defect import (
    ALL,
    CONTENT,
    CREATE,
    EXTEND,
    OK,
    QUERY,
    READ,
    READS,
    SUBMITS,
    UNIFIED,
    Answerer,
    Case,
    Defect,
    Make,
    Server,
    altered,
    changes,
    restates,
)

_NAME = b"authorization"
_SENT = re.compile(rb"(\S+) +(.*)")


def _defect(name: str, rule: str, summary: str, make: Make) -> Defect:
    return Defect(name, "credentials", rule, summary, make)


def _with_key(server: Server, request: Request) -> Request:
    return altered(request, headers={_NAME: f"Bearer {server.key}".encode()})


def _lets_in(found: Callable[[Server, Request], bool], of: frozenset[str] = ALL) -> Make:
    """A server that takes a request for one with a key where ``found`` says so."""

    def make(server: Server) -> Answerer:
        def answer(request: Request) -> Response:
            let_in = server.operation(request) in of and found(server, request)
            return server.correct(_with_key(server, request) if let_in else request)

        return answer

    return make


def _sent(request: Request) -> tuple[bytes, bytes]:
    """The scheme and the rest of what was sent for a key."""
    match = _SENT.fullmatch(request.header(_NAME) or b"")
    return (match[1].lower(), match[2]) if match else (b"", request.header(_NAME) or b"")


def _key(server: Server) -> bytes:
    return server.key.encode()


def _no_header(server: Server, request: Request) -> bool:
    return request.header(_NAME) is None


def _everybody(server: Server, request: Request) -> bool:
    return True


def _only_spelt(pattern: bytes, of: frozenset[str] = ALL) -> Make:
    """A server that looks at the case of the scheme's name."""

    def make(server: Server) -> Answerer:
        def answer(request: Request) -> Response:
            credential = request.header(_NAME) or b""
            is_other = server.operation(request) in of and re.match(pattern, credential) is None
            return server.correct(altered(request, headers={_NAME: b"made-up"}) if is_other and credential else request)

        return answer

    return make


def _is_bearer(request: Request, found: Callable[[bytes], bool]) -> bool:
    scheme, sent = _sent(request)
    return scheme == b"bearer" and found(sent)


def _only_after(cause: Callable[[Response], bool], of: frozenset[str] = ALL) -> Make:
    """A server that looks at the key after it has looked at something else."""

    def make(server: Server) -> Answerer:
        def answer(request: Request) -> Response:
            given = server.correct(request)
            if given.status == 401 and given.operation in of and request.method != "POST":
                other = server.at(_with_key(server, request), 0)
                return other if cause(other) else given
            if given.status == 401 and given.operation in of:
                # A submit that is accepted would cost: it is looked at without a source.
                other = server.at(altered(_with_key(server, request), headers={b"prefer": b"code=500"}), 0)
                return other if cause(other) else given
            return given

        return answer

    return make


def _in_query(server: Server, request: Request) -> bool:
    query = parse_qs(request.query.decode("latin-1"))
    return any(server.key in query.get(name, ()) for name in ("key", "api_key", "access_token", "token"))


def _in_cookie(server: Server, request: Request) -> bool:
    return _key(server) in (request.header(b"cookie") or b"")


def _ended(server: Server, request: Request) -> bool:
    known = server.at(_with_key(server, request), 0)
    return known.status == 200 and b'"completed_at":0' not in known.body and b'"video_url":null' not in known.body


def _remembering(server: Server) -> Answerer:
    known: set[bytes] = set()

    def answer(request: Request) -> Response:
        caller = request.header(b"user-agent") or b""
        if request.header(_NAME) is None and caller in known:
            return server.correct(_with_key(server, request))
        given = server.correct(request)
        if given.operation is not None and given.status == 200:
            known.add(caller)
        return given

    return answer


def _wrong_key_breaks(case: Case) -> None:
    if b" " not in (case.request.header(_NAME) or b" "):
        case.answer.status = 500


def _hidden(case: Case) -> None:
    case.become(case.server.unknown(_with_key(case.server, case.request)))


def _accounts_mixed(server: Server, request: Request) -> bool:
    return _is_bearer(request, lambda sent: sent != server.other_key.encode() and sent.startswith(_key(server)[:4]))


DEFECTS = (
    _defect("query-without-key", "R01", "the unified read needs no key", _lets_in(_no_header, frozenset({QUERY}))),
    _defect("read-without-key", "R01", "the OpenAI-format read needs no key", _lets_in(_no_header, frozenset({READ}))),
    _defect(
        "content-without-key", "R01", "the content is open to everybody", _lets_in(_no_header, frozenset({CONTENT}))
    ),
    _defect(
        "submit-without-key",
        "R01",
        "the unified submit was left out of the routes that need a key",
        _lets_in(_no_header, frozenset({UNIFIED})),
    ),
    _defect(
        "ended-tasks-without-key",
        "R01",
        "a task that has ended is read without a key",
        _lets_in(lambda server, request: _no_header(server, request) and _ended(server, request), READS),
    ),
    _defect("nothing-needs-a-key", "R01", "the key is asked for nowhere", _lets_in(_everybody)),
    _defect(
        "any-key-reads",
        "R01",
        "the OpenAI-format read takes any key",
        _lets_in(lambda _, request: _is_bearer(request, bool), frozenset({READ})),
    ),
    _defect(
        "any-key-submits",
        "R01",
        "createVideoExtension takes any key",
        _lets_in(lambda _, request: _is_bearer(request, bool), frozenset({CREATE})),
    ),
    _defect(
        "key-by-length",
        "R01",
        "only the length of a key is compared",
        _lets_in(
            lambda server, request: _is_bearer(
                request, lambda sent: len(sent) == len(server.key) and sent != server.other_key.encode()
            )
        ),
    ),
    _defect("key-by-beginning", "R01", "only the beginning of a key is compared", _lets_in(_accounts_mixed)),
    _defect(
        "key-with-anything-behind",
        "R01",
        "whatever begins with a key is taken for it",
        _lets_in(lambda server, request: _is_bearer(request, lambda sent: sent.startswith(_key(server)))),
    ),
    _defect(
        "key-in-any-case",
        "R01",
        "keys are compared without regard to case",
        _lets_in(lambda server, request: _is_bearer(request, lambda sent: sent.lower() == _key(server).lower())),
    ),
    _defect(
        "key-empty",
        "R01",
        "a Bearer without a key is let in",
        _lets_in(lambda _, request: (request.header(_NAME) or b"-").strip().lower() == b"bearer"),
    ),
    _defect("caller-remembered", "R01", "who came with a key once needs none any more", _remembering),
    _defect(
        "key-with-more-words",
        "R02",
        "words behind the key are left out",
        _lets_in(
            lambda server, request: _is_bearer(
                request, lambda sent: sent.split() != [] and sent.split()[0] == _key(server)
            )
        ),
    ),
    _defect(
        "scheme-basic",
        "R02",
        "the key is taken with Basic before it",
        _lets_in(lambda server, request: _sent(request) == (b"basic", _key(server))),
    ),
    _defect(
        "scheme-token",
        "R02",
        "the key is taken with Token before it",
        _lets_in(lambda server, request: _sent(request) == (b"token", _key(server))),
    ),
    _defect(
        "scheme-any",
        "R02",
        "any word before the key will do",
        _lets_in(lambda server, request: _sent(request)[1] == _key(server) and _sent(request)[0] != b"", SUBMITS),
    ),
    _defect(
        "scheme-missing",
        "R02",
        "the key is taken without Bearer",
        _lets_in(lambda server, request: request.header(_NAME) == _key(server)),
    ),
    _defect(
        "scheme-in-one-case", "R57", "the reads take Bearer in this spelling alone", _only_spelt(rb"Bearer ", READS)
    ),
    _defect(
        "scheme-not-in-upper-case", "R57", "Bearer and bearer are taken, and BEARER is not", _only_spelt(rb"[Bb]earer ")
    ),
    _defect("key-in-query", "R02", "the key is taken from the query", _lets_in(_in_query)),
    _defect(
        "key-in-other-header",
        "R02",
        "the key is taken from X-Api-Key",
        _lets_in(lambda server, request: request.header(b"x-api-key") == _key(server)),
    ),
    _defect("key-in-cookie", "R02", "the reads take the key from a cookie", _lets_in(_in_cookie, READS)),
    _defect(
        "body-before-key",
        "R02",
        "a malformed body is refused before the key is looked at",
        _only_after(lambda answer: answer.status == 400 and b"JSON" in answer.body, SUBMITS),
    ),
    _defect(
        "validation-before-key",
        "R02",
        "extendVideo validates the body before the key",
        _only_after(lambda answer: answer.status == 400 and b"invalid_request" in answer.body, frozenset({EXTEND})),
    ),
    _defect(
        "task-before-key",
        "R02",
        "an unknown task is told to who has no key",
        _only_after(lambda answer: answer.status in {400, 404}, READS | {CONTENT}),
    ),
    _defect(
        "id-before-key",
        "R02",
        "the unified read looks for its id before it looks at the key",
        _only_after(lambda answer: answer.status == 400, frozenset({QUERY})),
    ),
    _defect(
        "range-before-key",
        "R02",
        "a Range past the end is refused before the key is looked at",
        _only_after(lambda answer: answer.status == 416, frozenset({CONTENT})),
    ),
    _defect("no-key-403", "R02", "a missing key is forbidden", restates(403, ALL, frozenset({401}))),
    _defect(
        "no-key-403-at-content",
        "R02",
        "the content of a task is forbidden without a key",
        restates(403, frozenset({CONTENT}), frozenset({401})),
    ),
    _defect(
        "no-key-200",
        "R02",
        "the unified read tells with 200 that the key is missing",
        restates(200, frozenset({QUERY}), frozenset({401})),
    ),
    _defect("no-key-unknown", "R02", "without a key every task is unknown", changes(_hidden, READS, frozenset({401}))),
    _defect(
        "key-without-scheme-breaks",
        "R44",
        "an Authorization of one word breaks the server",
        changes(_wrong_key_breaks, ALL, frozenset({401})),
    ),
    _defect(
        "right-key-refused-at-content",
        "R34",
        "the content refuses a key that works elsewhere",
        restates(401, frozenset({CONTENT}), OK),
    ),
    _defect(
        "second-key-refused",
        "R34",
        "createVideoExtension knows the first account alone",
        restates(
            401,
            frozenset({CREATE}),
            OK,
            lambda case: (case.request.header(_NAME) or b"").endswith(case.server.other_key.encode()),
        ),
    ),
)
