"""Keys that are accepted, rejected or mistaken for others against the contract."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from urllib.parse import parse_qs

from octopusx_video_mock.messages import Request, Response

from tests.defects._concurrency import beside
from tests.defects._defect import (
    ALL,
    AUTHORIZATION,
    CONTENT,
    CREATE,
    EXTEND,
    OK,
    QUERY,
    RANGE,
    READ,
    READS,
    SUBMITS,
    UNIFIED,
    Case,
    Handler,
    Make,
    Operations,
    Server,
    Table,
    altered,
    changes,
    handles,
    restates,
    sent,
)
from tests.defects._requests import authorization, breaks, is_not_ascii

_SENT = re.compile(rb"(\S+) +(.*)")
_BEARER = re.compile(rb"(?i:bearer) +(\S+)")


def _with_key(server: Server, request: Request) -> Request:
    return altered(request, headers={AUTHORIZATION: f"Bearer {server.key}".encode()})


def _lets_in(found: Callable[[Server, Request], bool], of: Operations = ALL) -> Make:
    """A server that takes a request for one with a key where ``found`` says so."""

    def handle(server: Server, request: Request) -> Response:
        let_in = server.operation(request) in of and found(server, request)
        return server.correct(_with_key(server, request) if let_in else request)

    return handles(handle)


def _sent(request: Request) -> tuple[bytes, bytes]:
    """The scheme and the rest of what was sent for a key."""
    match = _SENT.fullmatch(request.header(AUTHORIZATION) or b"")
    return (match[1].lower(), match[2]) if match else (b"", request.header(AUTHORIZATION) or b"")


def _key(server: Server) -> bytes:
    return server.key.encode()


def _no_header(server: Server, request: Request) -> bool:
    return request.header(AUTHORIZATION) is None


def _everybody(server: Server, request: Request) -> bool:
    return True


def _only_spelt(pattern: bytes, of: Operations = ALL) -> Make:
    """A server that looks at the case of the scheme's name."""

    def handle(server: Server, request: Request) -> Response:
        credential = request.header(AUTHORIZATION) or b""
        is_other = server.operation(request) in of and re.match(pattern, credential) is None
        return server.correct(
            altered(request, headers={AUTHORIZATION: b"made-up"}) if is_other and credential else request
        )

    return handles(handle)


def _is_bearer(request: Request, found: Callable[[bytes], bool]) -> bool:
    scheme, sent = _sent(request)
    return scheme == b"bearer" and found(sent)


def _only_after(cause: Callable[[Response], bool], of: Operations = ALL) -> Make:
    """A server that looks at the key after it has looked at something else."""

    def handle(server: Server, request: Request) -> Response:
        given = server.correct(request)
        if given.status == 401 and given.operation in of and request.method != "POST":
            other = server.at(_with_key(server, request), 0)
            return other if cause(other) else given
        if given.status == 401 and given.operation in of:
            # A submit that is accepted would cost: it is looked at without a source.
            other = server.at(altered(_with_key(server, request), headers={b"prefer": b"code=500"}), 0)
            return other if cause(other) else given
        return given

    return handles(handle)


def _in_query(server: Server, request: Request) -> bool:
    query = parse_qs(request.query.decode("latin-1"))
    return any(server.key in query.get(name, ()) for name in ("key", "api_key", "access_token", "token"))


def _in_cookie(server: Server, request: Request) -> bool:
    return _key(server) in (request.header(b"cookie") or b"")


def _ended(server: Server, request: Request) -> bool:
    known = server.at(_with_key(server, request), 0)
    return known.status == 200 and b'"completed_at":0' not in known.body and b'"video_url":null' not in known.body


def _remembering(server: Server) -> Handler:
    known: set[bytes] = set()

    def handle(request: Request) -> Response:
        caller = request.header(b"user-agent") or b""
        if request.header(AUTHORIZATION) is None and caller in known:
            return server.correct(_with_key(server, request))
        given = server.correct(request)
        if given.operation is not None and given.status == 200:
            known.add(caller)
        return given

    return handle


def _wrong_key_breaks(case: Case) -> None:
    if b" " not in (case.request.header(AUTHORIZATION) or b" "):
        case.response.status = 500


def _hidden(case: Case) -> None:
    case.become(case.server.unknown(_with_key(case.server, case.request)))


def _accounts_mixed(server: Server, request: Request) -> bool:
    return _is_bearer(request, lambda sent: sent != server.other_key.encode() and sent.startswith(_key(server)[:4]))


def _after_other_error(cause: Callable[[Response], bool], of: Operations) -> Make:
    """A server that looks at the key after it has found something else wrong."""

    def handle(server: Server, request: Request) -> Response:
        given = server.correct(request)
        if given.status != 401 or given.operation not in of:
            return given
        other = server.at(_with_key(server, request), 0)
        return other if cause(other) else given

    return handles(handle)


def _glued(server: Server, request: Request) -> bool:
    match = re.fullmatch(rb"(?i:bearer)[:=]?\s*(\S+)", authorization(request))
    return match is not None and match[1] == server.key.encode()


def _longer_scheme(server: Server, request: Request) -> bool:
    words = authorization(request).split()
    return len(words) == 2 and words[0].lower().startswith(b"bearer") and words[1] == server.key.encode()


def _quoted(server: Server, request: Request) -> bool:
    match = re.fullmatch(rb"(?i:bearer) +([\"'<])(.+)([\"'>])", authorization(request))
    return match is not None and match[2] == server.key.encode()


def _basic(server: Server, request: Request) -> bool:
    match = re.fullmatch(rb"(?i:basic) +(\S+)", authorization(request))
    try:
        reported = base64.b64decode(match[1] if match else b"", validate=True)
    except binascii.Error:
        return False
    return server.key.encode() in reported.split(b":")


def _in_body(server: Server, request: Request) -> bool:
    names = ("key", "api_key", "apiKey", "token", "access_token")
    return AUTHORIZATION not in dict(request.headers) and any(sent(request).get(name) == server.key for name in names)


def _last_of_several(server: Server, request: Request) -> bool:
    every = [part.strip() for value in request.every(AUTHORIZATION) for part in value.split(b",")]
    return len(every) > 1 and re.fullmatch(rb"(?i:bearer) +" + re.escape(server.key.encode()), every[-1]) is not None


def _beginning(server: Server, request: Request) -> bool:
    match = re.fullmatch(rb"(?i:bearer) +(\S+)", authorization(request))
    return match is not None and server.key.encode().startswith(match[1])


def _is_wrong_bearer(case: Case) -> bool:
    return re.fullmatch(rb"(?i:bearer) +\S+", authorization(case.request)) is not None


def _wrong_key(server: Server, request: Request) -> bool:
    return (
        _BEARER.fullmatch(request.header(AUTHORIZATION) or b"") is not None
        and server.mock.engine.credentials.key_of(request) is None
    )


def _part_without_key(_: Server, request: Request) -> bool:
    return request.header(AUTHORIZATION) is None and request.header(RANGE) is not None


def _first_of_list(server: Server, request: Request) -> bool:
    value = request.header(AUTHORIZATION) or b""
    first = value.partition(b",")[0].strip()
    return b"," in value and re.fullmatch(rb"(?i:bearer) +" + re.escape(server.key.encode()), first) is not None


def _bare_bearer(case: Case) -> bool:
    return (case.request.header(AUTHORIZATION) or b"").strip().lower() == b"bearer"


@handles
def _second_account(server: Server, request: Request) -> Response:
    other = server.operation(request) == READ and server.mock.engine.credentials.key_of(request) == server.other_key
    return server.correct(altered(request, headers={AUTHORIZATION: None}) if other else request)


def _other_scheme(case: Case) -> bool:
    reported = case.request.header(AUTHORIZATION)
    return reported is not None and not reported.lower().startswith(b"bearer")


@handles
def _behind_tab(server: Server, request: Request) -> Response:
    """The header is split at any white space."""
    words = (request.header(AUTHORIZATION) or b"").split()
    fits = len(words) == 2 and words[0].lower() == b"bearer" and words[1] == server.key.encode()
    return server.correct(_with_key(server, request) if fits and len(request.every(AUTHORIZATION)) == 1 else request)


@handles
def _too_large_first(server: Server, request: Request) -> Response:
    """The size of a body is looked at by what stands in front of the check of the key."""
    if server.operation(request) in SUBMITS and request.body is None:
        return server.correct(_with_key(server, request))
    return server.correct(request)


def _locks_out(server: Server) -> Handler:
    """Five wrong keys in a row lock a caller out for a minute, with a right key as well."""
    wrong: dict[bytes, int] = {}
    until: dict[bytes, float] = {}

    def handle(request: Request) -> Response:
        caller = request.header(b"user-agent") or b""
        if server.now < until.get(caller, 0.0):
            return server.correct(altered(request, headers={AUTHORIZATION: None}))
        given = server.correct(request)
        if given.status == 401 and request.header(AUTHORIZATION) is not None:
            wrong[caller] = wrong.get(caller, 0) + 1
            if wrong[caller] >= 5:
                wrong[caller], until[caller] = 0, server.now + 60
        elif given.operation is not None:
            wrong[caller] = 0
        return given

    return handle


@handles
def _source_first(server: Server, request: Request) -> Response:
    """The task in the path is looked for by what stands in front of the check of the key."""
    given = server.correct(request)
    if given.status != 401 or given.operation != EXTEND:
        return given
    other = server.at(_with_key(server, request), 0)
    return other if b"task_not_exist" in other.body and other.status == 400 else given


def _hides_from_wrong_key(case: Case) -> None:
    if _BEARER.fullmatch(case.request.header(AUTHORIZATION) or b""):
        case.become(case.server.unknown(_with_key(case.server, case.request)))


def _with_key_of(server: Server, request: Request, other: Request) -> Response:
    if request.path != other.path or request.query != other.query:
        return server.correct(request)
    return server.correct(altered(request, headers={AUTHORIZATION: other.header(AUTHORIZATION)}))


def _account_of_the_one_before(server: Server) -> Handler:
    """A server that keeps the account of a request for the submit that comes next, whoever sends it."""
    before: list[str | None] = [None]

    def handle(request: Request) -> Response:
        key = server.mock.engine.credentials.key_of(request)
        valid = key in {server.key, server.other_key}
        used = before[0]
        if valid:
            before[0] = key
        if server.operation(request) in SUBMITS and valid and used is not None:
            return server.correct(altered(request, headers={AUTHORIZATION: f"Bearer {used}".encode()}))
        return server.correct(request)

    return handle


DEFECTS: Table = {
    ("query-without-key", "R01", "the unified read needs no key"): _lets_in(_no_header, {QUERY}),
    ("read-without-key", "R01", "the OpenAI-format read needs no key"): _lets_in(_no_header, {READ}),
    ("content-without-key", "R01", "the content is open to everybody"): _lets_in(_no_header, {CONTENT}),
    ("submit-without-key", "R01", "the unified submit was left out of the routes that need a key"): _lets_in(
        _no_header, {UNIFIED}
    ),
    ("ended-tasks-without-key", "R01", "a task that has ended is read without a key"): _lets_in(
        lambda server, request: _no_header(server, request) and _ended(server, request), READS
    ),
    ("nothing-needs-a-key", "R01", "the key is asked for nowhere"): _lets_in(_everybody),
    ("any-key-reads", "R01", "the OpenAI-format read takes any key"): _lets_in(
        lambda _, request: _is_bearer(request, bool), {READ}
    ),
    ("any-key-submits", "R01", "createVideoExtension takes any key"): _lets_in(
        lambda _, request: _is_bearer(request, bool), {CREATE}
    ),
    ("key-by-length", "R01", "only the length of a key is compared"): _lets_in(
        lambda server, request: _is_bearer(
            request, lambda sent: len(sent) == len(server.key) and sent != server.other_key.encode()
        )
    ),
    ("key-by-beginning", "R01", "only the beginning of a key is compared"): _lets_in(_accounts_mixed),
    ("key-with-anything-behind", "R01", "whatever begins with a key is taken for it"): _lets_in(
        lambda server, request: _is_bearer(request, lambda sent: sent.startswith(_key(server)))
    ),
    ("key-in-any-case", "R01", "keys are compared without regard to case"): _lets_in(
        lambda server, request: _is_bearer(request, lambda sent: sent.lower() == _key(server).lower())
    ),
    ("key-empty", "R01", "a Bearer without a key is let in"): _lets_in(
        lambda _, request: (request.header(AUTHORIZATION) or b"-").strip().lower() == b"bearer"
    ),
    ("caller-remembered", "R01", "a client that sent a key once needs none any more"): _remembering,
    ("key-with-more-words", "R02", "words behind the key are left out"): _lets_in(
        lambda server, request: _is_bearer(request, lambda sent: sent.split() != [] and sent.split()[0] == _key(server))
    ),
    ("scheme-basic", "R02", "the key is taken with Basic before it"): _lets_in(
        lambda server, request: _sent(request) == (b"basic", _key(server))
    ),
    ("scheme-token", "R02", "the key is taken with Token before it"): _lets_in(
        lambda server, request: _sent(request) == (b"token", _key(server))
    ),
    ("scheme-any", "R02", "any word before the key will do"): _lets_in(
        lambda server, request: _sent(request)[1] == _key(server) and _sent(request)[0] != b"", SUBMITS
    ),
    ("scheme-missing", "R02", "the key is taken without Bearer"): _lets_in(
        lambda server, request: request.header(AUTHORIZATION) == _key(server)
    ),
    ("scheme-in-one-case", "R57", "the reads take Bearer in this spelling alone"): _only_spelt(rb"Bearer ", READS),
    ("scheme-not-in-upper-case", "R57", "Bearer and bearer are taken, and BEARER is not"): _only_spelt(rb"[Bb]earer "),
    ("key-in-query", "R02", "the key is taken from the query"): _lets_in(_in_query),
    ("key-in-other-header", "R02", "the key is taken from X-Api-Key"): _lets_in(
        lambda server, request: request.header(b"x-api-key") == _key(server)
    ),
    ("key-in-cookie", "R02", "the reads take the key from a cookie"): _lets_in(_in_cookie, READS),
    ("body-before-key", "R02", "a malformed body is refused before the key is looked at"): _only_after(
        lambda response: response.status == 400 and b"JSON" in response.body, SUBMITS
    ),
    ("validation-before-key", "R02", "extendVideo validates the body before the key"): _only_after(
        lambda response: response.status == 400 and b"invalid_request" in response.body, {EXTEND}
    ),
    (
        "task-before-key",
        "R02",
        "a request without a key for an unknown task gets the response to an unknown task",
    ): _only_after(lambda response: response.status in {400, 404}, READS | {CONTENT}),
    ("id-before-key", "R02", "the unified read looks for its id before it looks at the key"): _only_after(
        lambda response: response.status == 400, {QUERY}
    ),
    ("range-before-key", "R02", "a Range past the end is refused before the key is looked at"): _only_after(
        lambda response: response.status == 416, {CONTENT}
    ),
    ("no-key-403", "R02", "a missing key is forbidden"): restates(403, ALL, {401}),
    ("no-key-403-at-content", "R02", "the content of a task is forbidden without a key"): restates(
        403, {CONTENT}, {401}
    ),
    ("no-key-200", "R02", "the unified read reports with 200 that the key is missing"): restates(200, {QUERY}, {401}),
    ("no-key-unknown", "R02", "without a key every task is unknown"): changes(_hidden, READS, {401}),
    ("key-without-scheme-breaks", "R44", "an Authorization of one word breaks the server"): changes(
        _wrong_key_breaks, ALL, {401}
    ),
    ("right-key-refused-at-content", "R34", "the content refuses a key that works elsewhere"): restates(
        401, {CONTENT}, OK
    ),
    ("second-key-refused", "R34", "createVideoExtension knows the first account alone"): restates(
        401,
        {CREATE},
        OK,
        lambda case: (case.request.header(AUTHORIZATION) or b"").endswith(case.server.other_key.encode()),
    ),
}

RARE: Table = {
    ("scheme-cut-off-loosely", "R02", "BearerKEY and Bearer:KEY are taken, Bearer is just cut off"): _lets_in(_glued),
    ("scheme-begins-with-bearer", "R02", "any scheme that begins with Bearer is taken"): _lets_in(_longer_scheme),
    ("key-in-quotes", "R02", "quotes around a key are taken off"): _lets_in(_quoted),
    ("key-as-basic-user", "R02", "the key is taken as user or password of Basic"): _lets_in(_basic),
    ("key-in-body", "R02", "the submits take the key from the body"): _lets_in(_in_body, SUBMITS),
    ("last-of-several-keys", "R02", "of several Authorization headers the last counts"): _lets_in(_last_of_several),
    ("wrong-key-403-on-submits", "R02", "the submits forbid a wrong key, and refuse a missing one"): restates(
        403, SUBMITS, {401}, _is_wrong_bearer
    ),
    ("key-cut-short", "R01", "the first letters of a key are taken for it"): _lets_in(_beginning),
    (
        "media-type-before-key",
        "R02",
        "createVideoExtension looks at the media type before it looks at the key",
    ): _after_other_error(lambda response: response.status == 400 and b"Content-Type" in response.body, {CREATE}),
    ("key-not-ascii-breaks", "R44", "a key with a letter outside of ASCII breaks the server"): breaks(
        is_not_ascii, without_key=True
    ),
    ("only-content-any-key", "R01", "the content takes any key, and refuses a missing one"): _lets_in(
        _wrong_key, {CONTENT}
    ),
    ("only-part-without-key", "R01", "a part of the content is sent without a key, for players"): _lets_in(
        _part_without_key, {CONTENT}
    ),
    ("only-query-any-key", "R01", "the unified read takes any key that is well-formed"): _lets_in(_wrong_key, {QUERY}),
    (
        "only-first-of-key-list",
        "R02",
        "createVideoExtension takes the first of several keys with commas between",
    ): _lets_in(_first_of_list, {CREATE}),
    (
        "only-bare-bearer-400-on-query",
        "R02",
        "the unified read calls a Bearer without a key an invalid request",
    ): restates(400, {QUERY}, {401}, _bare_bearer),
    (
        "only-second-account-401-on-read",
        "R34",
        "the OpenAI-format read knows the keys of the first account alone",
    ): _second_account,
    (
        "only-unified-body-before-key",
        "R02",
        "the unified submit looks for its fields before it looks at the key",
    ): _after_other_error(lambda given: given.status == 400 and b"invalid_request" in given.body, {UNIFIED}),
    ("scheme-other-400", "R02", "an Authorization of another scheme than Bearer is an invalid request"): restates(
        400, ALL, {401}, _other_scheme
    ),
    ("key-behind-tab", "R02", "a tab between Bearer and the key will do"): _behind_tab,
    ("too-large-before-key", "R02", "the size of a body is looked at before the key"): _too_large_first,
    (
        "source-before-key-on-extend",
        "R02",
        "extendVideo looks for the task in its path before it looks at the key",
    ): _source_first,
    (
        "wrong-key-404-at-content",
        "R02",
        "the content of any task is not found with a wrong key, and refused without one",
    ): changes(_hides_from_wrong_key, {CONTENT}, {401}),
    (
        "locked-out-after-wrong-keys",
        "R34",
        "after five wrong keys in a row a right one is refused for a minute",
    ): _locks_out,
    ("long-key-breaks", "R44", "a key of more than 255 letters breaks the server, whose column takes no more"): breaks(
        lambda request: len(request.header(AUTHORIZATION) or b"") > 262, without_key=True
    ),
    (
        "together-key-of-another",
        "R20",
        "of two reads of a task at the same time, both are handled with the key of one of them",
    ): beside(READS, READS, _with_key_of),
    (
        "together-account-before",
        "R04",
        "a submit belongs to the account of the request before it",
    ): _account_of_the_one_before,
}
