"""The defective servers are defective, each in its own way, and the correct one is not."""

from __future__ import annotations

import contextlib
import functools
import json
import re
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, get_args

import httpx
import jsonschema_rs
import pytest
from octopusx_video_mock.messages import Request, Response
from octopusx_video_openapi import Contract

from tests.defects import DEFECTS, RARE, Defect, Family, Server, defective, serve
from tests.defects._defect import CONTENT, CREATE, EXTEND, QUERY, READ, UNIFIED
from tests.defects._defect import contract as the_contract
from tests.defects.observation import LOOKS, Caller, Look, Observation, lives
from tests.support import documents

START = 1_767_225_600.0
FAMILIES = get_args(Family)
FEWEST = 12
# They say what may be, and no server can break them.
PERMITTING = {"R29", "R30", "R35"}
SPOKEN = [defect for defect in DEFECTS if defect.wire is None and defect not in RARE]
WIRED = [defect for defect in DEFECTS if defect.wire is not None]


@functools.cache
def correctly(look: Look) -> list[Observation]:
    """What is seen of the correct server."""
    return list(look(Caller(defective(None, start=START))))


def status(seen: Observation) -> int:
    """The status of what was seen; zero for what is no answer."""
    return seen[0] if isinstance(seen[0], int) else 0


def refused_only_by_the_correct(before: Observation, after: Observation) -> bool:
    """Whether an invalid request is not refused as it should be."""
    return status(before) in {400, 404} and status(after) not in {400, 404}


# What the two servers have to differ in, for a defect to break the rule that it names.
EVIDENCE: dict[str, Callable[[Observation, Observation], bool]] = {
    "R01": lambda before, after: status(before) == 401 and status(after) in {200, 206},
    "R02": lambda before, after: status(before) == 401 != status(after),
    "R03": lambda before, after: before[0] in {"distinct", "new"},
    "R04": lambda before, after: status(before) == 200 and status(after) in {400, 404},
    "R05": lambda before, after: status(before) == 200 and status(after) in {400, 404},
    "R20": lambda before, after: status(before) in {400, 404} and status(after) == 200,
    "R25": lambda before, after: status(after) == 200 and "ftyp" not in after[3][:12],
    "R27": refused_only_by_the_correct,
    "R28": lambda before, after: before[0] == "billed",
    "R32": lambda before, after: status(before) == 405,
    "R34": lambda before, after: status(before) in {200, 206, 416} and status(after) >= 400,
    "R41": refused_only_by_the_correct,
    "R42": refused_only_by_the_correct,
    "R43": lambda before, after: status(before) == 404 != status(after),
    "R44": lambda before, after: status(before) < 500 <= status(after),
    "R46": refused_only_by_the_correct,
    "R47": refused_only_by_the_correct,
    "R53": lambda before, after: status(after) == 0 or 300 <= status(after) < 400,
    "R54": lambda before, after: before[0] == "billed",
    "R57": lambda before, after: status(before) in {200, 206} and status(after) == 401,
    "R58": lambda before, after: {status(before), status(after)} in ({400, 200}, {200, 404}),
}


def test_names_are_unique_and_rules_exist(contract: Contract) -> None:
    """A defect is told by its name, and breaks a rule that there is."""
    names = Counter(defect.name for defect in DEFECTS)
    assert [name for name, count in names.items() if count > 1] == []
    assert [name for name in names if not re.fullmatch(r"[a-z0-9]+(-\w+)*", name)] == []
    assert {defect.rule for defect in DEFECTS} <= {rule.id for rule in contract.rules}


def test_every_rule_is_broken_by_some_server(contract: Contract) -> None:
    """No rule is left that a single server could break and none does."""
    assert {rule.id for rule in contract.rules} - {defect.rule for defect in DEFECTS} == PERMITTING


def test_every_family_has_its_share() -> None:
    """No family is too small to tell how good a suite is at it."""
    sizes = Counter(defect.family for defect in DEFECTS)
    assert {family: size for family, size in sizes.items() if size < FEWEST} == {}
    assert set(sizes) == set(FAMILIES)


@pytest.mark.slow
@pytest.mark.parametrize("look", sorted({look for looks in LOOKS.values() for look in looks}, key=str))
def test_the_correct_server_is_seen_alike_each_time(look: Look) -> None:
    """A difference to the correct server is a defect's, and no accident."""
    assert list(look(Caller(defective(None, start=START)))) == correctly(look)


@functools.cache
def unproven(defect: Defect) -> frozenset[str]:
    """What the requests of the contract do not show of a defect.

    ``it shows``: a response differs from that of the correct server. ``it breaks its rule``: two responses are evidence
    of it, where two can be. ``its form is wrong``: a response breaks the rule, where one response alone can.
    """
    open_ = {"it shows"}
    open_ |= {"it breaks its rule"} if defect.rule in EVIDENCE else set()
    open_ |= {"its form is wrong"} if defect.rule in of_form(the_contract()) else set()
    for look in LOOKS[defect.family]:
        server = defective(defect, start=START)
        responses = recorded(server)
        for before, after in zip(correctly(look), look(Caller(server)), strict=True):
            if before != after:
                open_.discard("it shows")
                if "it breaks its rule" in open_ and EVIDENCE[defect.rule](before, after):
                    open_.discard("it breaks its rule")
            if "its form is wrong" in open_ and any(defect.rule in broken(the_contract(), one) for one in responses):
                open_.discard("its form is wrong")
            responses.clear()
            if not open_:
                return frozenset()
    return frozenset(open_)


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("what", ["it shows", "it breaks its rule", "its form is wrong"])
def test_requests_of_the_contract_prove_each_defect(family: Family, what: str) -> None:
    """They tell a defective server from the correct one, and show that it breaks the rule that it names."""
    assert [defect.name for defect in SPOKEN if defect.family == family and what in unproven(defect)] == []


def recorded(server: Server) -> list[Response]:
    """A list that takes the responses of a server from now on."""
    answered: Callable[[Request], Response] = server.mock.engine.respond
    found: list[Response] = []

    def answer(request: Request) -> Response:
        given = answered(request)
        found.append(given)
        return given

    server.mock.engine.respond = answer  # type: ignore[method-assign]  # as the defects do
    return found


def broken(contract: Contract, answer: Response) -> set[str]:
    """The rules of an answer's form that it breaks."""
    if answer.operation is None or answer.delivery is not None:
        return set()
    headers = {name.decode(): value.decode("latin-1") for name, value in answer.headers}
    found = set() if any(name == "x-oneapi-request-id" for name in headers) else {"R33"}
    response = dict(documents.responses(contract, contract.operations[answer.operation])).get(str(answer.status))
    if response is None:
        return found | {"R38"}
    found |= set(_headers_broken(contract, response, headers))
    media = response["content"].get(headers.get("content-type", "").partition(";")[0])
    if media is None:
        return found | {"R39"}
    if "json" not in headers["content-type"]:
        return found
    own = "R36" if answer.status == 200 else "R37"
    try:
        value = json.loads(answer.body.decode(), parse_constant=lambda _: object())
        schema = _validator(contract, media["schema"])
        found |= set() if schema.is_valid(value) else {own}
    except (ValueError, TypeError):
        return found | {own}
    for rule in contract.rules:
        speaks = rule.about == "response" and answer.operation in rule.operations and answer.status in rule.statuses
        if speaks and rule.schema is not None and not _validator(contract, documents.node(rule.schema)).is_valid(value):
            found.add(rule.id)
    return found


def _headers_broken(contract: Contract, response: Any, headers: dict[str, str]) -> Iterator[str]:
    for name, header in response.get("headers", {}).items():
        definition = documents.resolve(contract, header)
        value = headers.get(name.lower())
        missing = value is None and definition.get("required")
        if missing or (value is not None and not _validator(contract, definition["schema"]).is_valid(value)):
            yield "R40"


_VALIDATORS: dict[str, jsonschema_rs.Draft202012Validator] = {}


def _validator(contract: Contract, schema: Any) -> jsonschema_rs.Draft202012Validator:
    name = json.dumps(schema)
    if name not in _VALIDATORS:
        _VALIDATORS[name] = jsonschema_rs.Draft202012Validator(documents.schema(contract, schema))
    return _VALIDATORS[name]


def of_form(contract: Contract) -> set[str]:
    """The rules that one answer shows to be broken."""
    told = {rule.id for rule in contract.rules if rule.about == "response" and rule.schema is not None}
    return told | {"R33", "R36", "R37", "R38", "R39", "R40"}


@pytest.mark.slow
@pytest.mark.parametrize("look", sorted({look for looks in LOOKS.values() for look in looks}, key=str))
def test_no_response_of_the_correct_server_breaks_a_rule_of_form(look: Look, contract: Contract) -> None:
    """What shows a wrong form is the defect's."""
    server = defective(None, start=START)
    responses = recorded(server)
    for _ in look(Caller(server)):
        pass
    assert {rule for response in responses for rule in broken(contract, response)} == set()


@pytest.mark.slow
def test_the_control_routes_stay_correct() -> None:
    """Whatever a server tells of the API, the mock behind it tells the truth."""
    for defect in SPOKEN:
        server = defective(defect, start=START)
        caller = Caller(server)
        caller.submit(CREATE)
        client = httpx.Client(transport=server.mock.controlled_transport, base_url="http://localhost")
        told = client.get("/__mock__/submissions").json()
        assert len(told) == len(server.mock.submissions), defect.name
        turned = client.post("/__mock__/clock", json={"advance": 5})
        assert turned.json()["now"] == START + 5, defect.name


@pytest.mark.slow
def test_each_server_starts_fresh() -> None:
    """What a defect remembers of one server it does not know of the next."""
    flapping = next(defect for defect in DEFECTS if defect.name == "flaps")
    first, second = (list(lives(Caller(defective(flapping, start=START)))) for _ in range(2))
    assert first == second


ON_THE_WIRE = [(EXTEND,), (CREATE,), (UNIFIED,), (READ,), (QUERY,), (CONTENT,), (READ, "HEAD"), (CONTENT, "HEAD")]
"""What is asked of a server over a socket: the operations, and HEAD beside two of them."""


def _raw(server: Server, base_url: str, operation: str, method: str = "", *, seconds: float) -> str:
    """What is wrong with the response of an operation, or HEAD beside it, within some seconds; "" for nothing."""
    caller = Caller(server)
    source = caller.source
    method = method or server.contract.operations[operation].method.upper()
    body = json.dumps(caller.body(operation, source)).encode() if method == "POST" else b""
    host, _, port = base_url.rpartition("//")[2].partition(":")
    head = (
        f"{method} {caller.path(operation, source)} HTTP/1.1\r\nhost: {host}:{port}\r\nconnection: close\r\n"
        f"authorization: Bearer {server.key}\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    got, until = b"", time.monotonic() + seconds
    with socket.create_connection((host, int(port)), timeout=seconds) as connection:
        connection.sendall(head.encode() + body)
        with contextlib.suppress(TimeoutError):
            while piece := connection.recv(2**16):
                got += piece
                if len(got) > 2**21 or time.monotonic() > until:
                    return "it does not end"
            return _wrong(got) if method != "HEAD" else "HEAD has a body" if got.partition(b"\r\n\r\n")[2] else ""
    return "it hangs"


def _wrong(got: bytes) -> str:
    head, _, body = got.partition(b"\r\n\r\n")
    lengths = re.findall(rb"\r\ncontent-length: (\d+)", head)
    if not re.match(rb"HTTP/1\.1 200 OK\r\n", head) or b"\r\n: " in head or b"\r\ncontent-encoding" in head:
        return "it is no answer"
    return "" if lengths == [b"%d" % len(body)] else "its length is wrong"


@pytest.mark.slow
@pytest.mark.parametrize("defect", WIRED, ids=lambda defect: defect.name)
def test_a_socket_shows_what_is_wrong_on_the_wire(defect: Defect) -> None:
    """Some operation, or HEAD beside one, is not answered in HTTP and whole, while the control routes are."""
    with serve(defect) as served:
        server = defective(None)
        wrong = (_raw(server, served.base_url, *one, seconds=1) for one in ON_THE_WIRE)
        assert next(filter(None, wrong), "")
        assert httpx.get(f"{served.base_url}/__mock__/clock", timeout=5).status_code == 200


def test_the_correct_server_is_right_on_the_wire() -> None:
    """Every operation is answered in HTTP and whole, for the keys of both accounts."""
    with serve(None) as served:
        server = defective(None)
        for one in ON_THE_WIRE:
            assert _raw(server, served.base_url, *one, seconds=30) == ""  # the first response makes the validators
        for key in (served.key, served.other_key):
            path = Caller(server).path(READ, Caller(server).source)
            answer = httpx.get(served.base_url + path, headers={"authorization": f"Bearer {key}"})
            assert answer.status_code == 200


def test_a_defect_shows_over_http() -> None:
    """What is seen in this process is seen over a socket as well."""
    defect = next(defect for defect in DEFECTS if defect.name == "query-without-key")
    caller = Caller(defective(None))
    for shown, expected in ((None, 401), (defect, 200)):
        with serve(shown) as served:
            assert httpx.get(served.base_url + caller.path(QUERY, caller.source)).status_code == expected
