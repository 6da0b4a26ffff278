"""What a run is run against: a mock that is started for it, or the server at a URL, and what either can do."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import random
import re
import sys
import urllib.request
from pathlib import Path
from urllib.parse import urlsplit

import httpx
from octopusx_video_openapi import Contract, Operation, hosts, load, task_ids

from octopusx_video_contract.core.run import Run
from octopusx_video_contract.core.settings import Settings
from octopusx_video_contract.messages.http import Request, Response
from octopusx_video_contract.runner.options import Options
from octopusx_video_contract.sending.budget import Budget
from octopusx_video_contract.sending.mock_control import Control
from octopusx_video_contract.sending.senders import InProcess, OverHttp, Sender, proxy_of_environment
from octopusx_video_contract.sending.transport import NoResponseError

KEY_VARIABLE = "OCTOPUSX_API_KEY"
OTHER_KEY_VARIABLE = "OCTOPUSX_OTHER_API_KEY"
ENGINES = ("lifecycle", "server", "prism")
PARTS = ("components", "x-rules")
"""What the suite needs of a contract beside its operations."""
LEDGER = "octopusx-video-contract-ledger.jsonl"

_STATELESS = "prism"
_MOCK_KEY = "sk-made-up-for-the-mock"
_OTHER_MOCK_KEY = "sk-made-up-for-somebody-else"
_IN_PROCESS = "http://localhost"
_QUICK = 200.0


class CannotRunError(Exception):
    """The run can't start. The text names the cause and the fix."""


@dataclasses.dataclass
class Server:
    """A server that a run can be run against.

    Attributes:
        base_url: Where it is, without a slash at the end.
        sender: Moves the bytes.
        key: A key that it accepts.
        other_key: A key of another account, if there is one.
        local: Whether it is on this machine, and so taken for a mock.
    """

    base_url: str
    sender: Sender
    key: str
    other_key: str | None
    local: bool


def prepare(options: Options, stack: contextlib.ExitStack, server: Server | None = None) -> Run:
    """The run that the options ask for, its server started or found, unless it is given.

    Raises:
        CannotRunError: An option can't be used, or no server responds.
        ContractError: The contract can't be read.
    """
    contract = load(options.contract)
    for part in PARTS:
        if not contract.has(part):
            raise CannotRunError(f"{contract.path}: has no {part}; the suite needs a contract like the project's own")
    started = server is None and options.base_url is None
    if server is None:
        server = _started(options, stack) if options.base_url is None else _named(options.base_url)
    stack.callback(server.sender.close)
    local = server.local and options.max_paid is None
    seed = options.seed
    run = Run.begin(
        Settings(
            server.base_url,
            server.key,
            contract,
            tuple(options.task_id or (task_ids.documented(contract) if server.local else ())),
            seed=random.SystemRandom().randrange(2**32) if seed is None else seed,
            max_examples=options.max_examples,
            timeout=options.timeout,
            deadline=options.deadline,
            strict=bool(options.strict),
            ends_at_once=options.fail_fast or options.max_findings == 1,
            stateless=options.engine == _STATELESS,
            other_key=server.other_key,
            docs_url=options.docs_url or "",
        ),
        server.sender,
        _budget(options, contract, server.key, server.other_key, local=local),
    )
    if options.dry_run:
        run.transport.sent = []
    _greet(run)
    if local:
        run = looked_around(run)
        if run.control is not None and not options.is_probe:  # the probe observes a task while time passes
            stack.enter_context(run.control.stopped())
        if options.strict is None:
            run = run.with_settings(strict=_is_mock(run, started=started))
        if not options.task_id and run.control is None and not run.settings.stateless:
            known = tuple(task for task in run.settings.known_ids if _has(run, task))
            run = run.with_settings(known_ids=known or run.settings.known_ids)
    return run.with_settings(strictness=_strictness(run, options.strict))


def _is_mock(run: Run, *, started: bool) -> bool:
    """Whether a server is this project's mock: started for the run, said to be Prism, or with what it alone has."""
    return started or run.settings.stateless or run.control is not None or "fault" in run.settings.orders


def _strictness(run: Run, asked: bool | None) -> str:  # noqa: FBT001 - the option as it was given
    """How broken ``should`` rules are taken, why, and how to change it."""
    if asked is not None:
        return "strict" if asked else "should rules only reported"
    if run.settings.strict:
        return "strict, since it is this project's mock (--no-strict only reports broken should rules)"
    return "should rules only reported (--strict has them fail the run)"


def _started(options: Options, stack: contextlib.ExitStack) -> Server:
    # The only place where the suite knows of the mock: what is tested is a server like any other.
    try:
        from octopusx_video_mock import Mock, MockError, PrismMock  # noqa: PLC0415
    except ImportError:
        raise CannotRunError("name a server with --base-url, or: pip install 'octopusx-video[mock]'") from None
    engine = options.engine or ENGINES[0]
    keys = (_MOCK_KEY, _OTHER_MOCK_KEY)
    try:
        if engine == _STATELESS:
            prism = PrismMock(options.contract, token=_MOCK_KEY, on_progress=_progress)
            return Server(stack.enter_context(prism).base_url, OverHttp(local=True), _MOCK_KEY, None, local=True)
        if engine == "server":
            url = stack.enter_context(Mock(options.contract, token=keys, start=None).serve(control=True))
            return Server(url, OverHttp(local=True), *keys, local=True)
        is_suite = not options.is_probe
        if is_suite and options.max_paid is not None:  # nobody turns its clock, as if it billed: its tasks are quick
            quick = Mock(options.contract, token=keys, start=None, speed=_QUICK)
            return Server(_IN_PROCESS, InProcess(quick.controlled_transport), *keys, local=True)
        sender = InProcess(Mock(options.contract, token=keys).controlled_transport)
        return Server(_IN_PROCESS, sender, *keys, local=True)
    except MockError as error:
        raise CannotRunError(str(error)) from None


def _progress(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _named(text: str) -> Server:
    base_url, local = _checked_url(text)
    key = _checked_key(KEY_VARIABLE)
    if not key:
        raise CannotRunError(f"set {KEY_VARIABLE} to an API key of the server")
    other = _checked_key(OTHER_KEY_VARIABLE) or None
    if other == key:
        raise CannotRunError(f"{OTHER_KEY_VARIABLE} holds the same key as {KEY_VARIABLE}; give one of another account")
    return Server(base_url, OverHttp(local=_is_direct(base_url)), key, other, local)


def _is_direct(base_url: str) -> bool:
    """Whether a server is reached without the environment's proxy.

    Raises:
        CannotRunError: It is not, and the suite can't use the proxy.
    """
    host = urlsplit(base_url).hostname or ""
    if hosts.may_use_http(host) or urllib.request.proxy_bypass(host):
        return True
    proxy = proxy_of_environment()
    if proxy is not None and urlsplit(proxy).scheme not in {"http", "https"}:
        raise CannotRunError(
            f"the proxy that HTTPS_PROXY or ALL_PROXY names is not one of http:// or https://, which are all that the "
            f"suite can use; change it, or list {host} in NO_PROXY"
        )
    return False


def _checked_url(text: str) -> tuple[str, bool]:
    """The base URL without a slash at the end, and whether it is on this machine."""
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise CannotRunError(f"--base-url {text}: {error}; write it like http://127.0.0.1:4010") from None
    if parts.scheme not in {"http", "https"} or not host:
        raise CannotRunError(f"--base-url {text}: has no scheme or host; write it like http://127.0.0.1:4010")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise CannotRunError(f"--base-url: only scheme, host, port and path; the key comes from {KEY_VARIABLE}")
    if not text.isascii() or not text.isprintable() or " " in text:
        raise CannotRunError(f"--base-url {text!r}: holds what no URL holds; write it like http://127.0.0.1:4010")
    try:
        host.encode("idna")
    except UnicodeError as error:
        raise CannotRunError(f"--base-url {text}: {host} is no name of a host ({error})") from None
    try:
        may_use_http = hosts.may_use_http(host)
    except ValueError as error:
        raise CannotRunError(str(error)) from None
    if parts.scheme == "http" and not may_use_http:
        raise CannotRunError(
            f"--base-url {text}: plain http would show the key to everybody on the way; use https, "
            f"or list the host in {hosts.HTTP_HOSTS_VARIABLE} if everybody on the way may see it"
        )
    # As httpx writes it: the host in lower case, no port that is the scheme's own.
    return str(httpx.URL(text)).rstrip("/"), hosts.is_loopback(host)


def is_local(url: str) -> bool:
    """Whether a base URL is on this machine.

    Raises:
        CannotRunError: It is no URL of a server.
    """
    return _checked_url(url)[1]


def _checked_key(variable: str) -> str:
    key = os.environ.get(variable, "")
    if key and not re.fullmatch(r"[A-Za-z0-9._~+/-]+=*", key):
        raise CannotRunError(f"{variable} is not an API key: it holds a space, a line break or the like")
    return key


def _budget(options: Options, contract: Contract, key: str, other_key: str | None, *, local: bool) -> Budget:
    if local:
        return Budget(contract, key, other_key=other_key)
    limit = options.max_paid or 0
    ledger = options.ledger or (Path(LEDGER) if limit and options.base_url else None)
    if ledger is not None:
        ledger = ledger.resolve()
        writable(ledger, "--ledger")
    return Budget(contract, key, limit, ledger, other_key=other_key)


def writable(path: Path, option: str) -> None:
    """Find out now whether a file can be written, and not after a run that may have been paid for; none is left.

    Raises:
        CannotRunError: It can't.
    """
    try:
        is_new = not path.exists()
        path.open("a").close()
        if is_new:
            path.unlink()
    except OSError as error:
        raise CannotRunError(f"{option} {path}: can't be written ({error.strerror})") from None


def _greet(run: Run) -> None:
    """Ask for one known task: nothing is learned from a server that is not there, or that refuses the key.

    One that is there and does not respond as an HTTP server does is checked: that is a finding.
    """
    try:
        status = _read(run).status
    except NoResponseError as error:
        if "CERTIFICATE_VERIFY_FAILED" in str(error):
            raise CannotRunError(
                f"{run.settings.base_url} shows a certificate that is not trusted; "
                "SSL_CERT_FILE may name those that are"
            ) from None
        if any(kind in str(error) for kind in ("ConnectError", "ConnectTimeout", "ProxyError")):
            raise CannotRunError(
                f"{run.settings.base_url} does not respond as an HTTP server does: {error}; is it running there?"
            ) from None
        return
    if status == 401:
        raise CannotRunError(
            f"{run.settings.base_url} refuses the key of {KEY_VARIABLE} (401); a run with it would prove nothing"
        )


def looked_around(run: Run) -> Run:
    """The run that knows what a mock can do: turn its clock, follow Prefer."""
    control = Control(run.transport.sender, run.settings.base_url)
    is_there = control.is_there()
    orders = set()
    for kind, order in {"code": "code=429", "fault": "fault=rate_limited"}.items():
        try:
            follows = _read(run, order).status == 429
        except NoResponseError:
            continue
        if follows:
            orders.add(kind)
    run = dataclasses.replace(run, control=control if is_there else None)
    return run.with_settings(orders=run.settings.orders | orders)


def _has(run: Run, task: str) -> bool:
    """Whether a server has one of the contract's own tasks, as no rule asks: a read succeeds, or says nothing."""
    for operation in _reads(run):
        try:
            if run.transport.send(_reading(run, operation, task)).is_success:
                return True
        except NoResponseError:
            return True
    return False


def _reads(run: Run) -> list[Operation]:
    return [operation for operation in run.contract.operations.values() if operation.method == "get"]


def _reading(run: Run, operation: Operation, task: str, order: str = "") -> Request:
    return run.read(operation, task, headers=[("Prefer", order)] if order else [])


def _read(run: Run, order: str = "") -> Response:
    """Read a task by the first operation that responds at all."""
    task = next(iter(run.settings.known_ids), "unknown")
    silent: NoResponseError | None = None
    for operation in _reads(run):
        try:
            return run.transport.send(_reading(run, operation, task, order))
        except NoResponseError as error:
            silent = error
    if silent is None:
        raise CannotRunError(f"{run.contract.path}: has no operation that reads a task; the suite needs one")
    raise silent
