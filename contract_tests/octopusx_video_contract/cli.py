"""The command ``octopusx-video-contract``."""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, urlsplit

import httpx
import pytest
from octopusx_video_openapi import ContractError, load, task_ids

from octopusx_video_contract._redact import Redactor
from octopusx_video_contract._run import Run, running

KEY_VARIABLE = "OCTOPUSX_API_KEY"
LAYERS = ("examples", "documented_requests", "refusals", "conformance", "new_tasks", "reached")
"""The modules of the suite, in the order in which they run: cheap before dear, the account of the run last."""
ENGINES = ("lifecycle", "prism")
_STATELESS = "prism"
_MOCK_KEY = "sk-made-up-for-the-mock"
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}

EXAMPLES = f"""\
examples:
  octopusx-video-contract
  {KEY_VARIABLE}=sk-test octopusx-video-contract --base-url http://127.0.0.1:4010
    (a mock there has to be started with --token sk-test: one that takes any key rightly fails)
  octopusx-video-contract --seed 42

The key is read from {KEY_VARIABLE} and never from an argument. A server that is not on this machine may bill
every submit that it accepts: it is only tested with --allow-paid, and one run sends it hundreds of submits.

exit status: 0 the server keeps the contract, 1 it does not or the run proved nothing, 2 the run can't start,
130 interrupted
"""


class CannotRunError(Exception):
    """The run can't start. The text names the cause and the mend."""


def main(argv: list[str] | None = None) -> int:
    """Run the suite. Returns the exit status."""
    options = _parser().parse_args(argv)
    try:
        with contextlib.ExitStack() as stack:
            stack.enter_context(_own_settings())
            return _run(_prepare(options, stack), _pytest_options(options))
    except (CannotRunError, ContractError) as error:
        print(f"octopusx-video-contract: error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("octopusx-video-contract: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:  # whoever read the output has gone, so there is nobody to tell
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="octopusx-video-contract",
        description="Hold a server to the contract of the OctopusX video-extension API.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--base-url", metavar="URL", help="the server (default: a mock, started for the run)")
    parser.add_argument(
        "--engine",
        choices=ENGINES,
        help=f"which mock is started, or is there: one that keeps no tasks ({_STATELESS}) is not asked about their "
        f"lives (default: {ENGINES[0]})",
    )
    parser.add_argument("--seed", type=int, help="repeat the run that printed this seed (default: a new one)")
    parser.add_argument(
        "--max-examples",
        type=_positive,
        default=50,
        metavar="N",
        help="requests generated for each operation beside examples and edge cases (default: %(default)s)",
    )
    parser.add_argument(
        "--task-id",
        action="append",
        metavar="ID",
        help="a finished task of the key, may be repeated (default on this machine: those of the documented requests)",
    )
    parser.add_argument(
        "--timeout", type=_seconds, default=10.0, metavar="S", help="seconds that an answer may take (default: 10)"
    )
    parser.add_argument(
        "--strict",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="whether broken `should` rules fail the run (default: only for a server on this machine)",
    )
    parser.add_argument("--allow-paid", action="store_true", help="send submits to a server that may bill them")
    parser.add_argument("--fail-fast", action="store_true", help="end the run at the first finding")
    parser.add_argument("--verbose", action="store_true", help="a line for each test instead of a dot")
    parser.add_argument("--junit", type=Path, metavar="FILE", help="also write a JUnit report")
    parser.add_argument("--contract", metavar="FILE", help="an OpenAPI file to hold it to (default: the project's)")
    return parser


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < 3600:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds between 0 and 3600")
    return seconds


def _prepare(options: argparse.Namespace, stack: contextlib.ExitStack) -> Run:
    contract = load(options.contract)
    for part in ("components", "x-rules"):
        if part not in contract.document:
            raise CannotRunError(f"{contract.path}: has no {part}; the suite needs a contract like the project's own")
    if options.base_url is None:
        base_url, key, local = _started_mock(options, stack), _MOCK_KEY, True
    else:
        base_url, local = _checked_url(options.base_url)
        if not local and not options.allow_paid:
            raise CannotRunError(
                f"{base_url} is not on this machine and may bill every submit that it accepts; "
                "a run sends hundreds of them. Say --allow-paid to do so all the same"
            )
        key = _checked_key(os.environ.get(KEY_VARIABLE, ""))
    run = Run(
        base_url=base_url,
        key=key,
        contract=contract,
        known_ids=tuple(options.task_id or (task_ids.documented(contract) if local else ())),
        seed=random.SystemRandom().randrange(2**32) if options.seed is None else options.seed,
        max_examples=options.max_examples,
        timeout=options.timeout,
        strict=local if options.strict is None else options.strict,
        stateless=options.engine == _STATELESS,
    )
    _greet(run)
    return run


def _started_mock(options: argparse.Namespace, stack: contextlib.ExitStack) -> str:
    # The only place where the suite knows of the mock: what is tested is a server like any other.
    try:
        from octopusx_video_mock import Mock, MockError, PrismMock  # noqa: PLC0415
    except ImportError:
        raise CannotRunError("name a server with --base-url, or: pip install 'octopusx-video[mock]'") from None
    try:
        if options.engine == _STATELESS:
            prism = PrismMock(options.contract, token=_MOCK_KEY, on_progress=_progress)
            return stack.enter_context(prism).base_url
        return stack.enter_context(Mock(options.contract, token=_MOCK_KEY, start=None).serve())
    except MockError as error:
        raise CannotRunError(str(error)) from None


def _progress(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


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
    local = host in _LOOPBACK
    if parts.scheme == "http" and not local:
        raise CannotRunError(f"--base-url {text}: plain http would show the key to everybody on the way; use https")
    return text.rstrip("/"), local


def _checked_key(key: str) -> str:
    if not key:
        raise CannotRunError(f"set {KEY_VARIABLE} to an API key of the server")
    if not re.fullmatch(r"[A-Za-z0-9._~+/-]+=*", key):
        raise CannotRunError(f"{KEY_VARIABLE} is not an API key: it holds a space, a line break or the like")
    return key


def _greet(run: Run) -> None:
    """Ask for one known task: nothing is learned from a server that is not there, or that refuses the key.

    Raises:
        CannotRunError: Nothing answers, or the key is refused.
    """
    path = run.contract.operations["getVideoTask"].path
    task = quote(next(iter(run.known_ids), "unknown"), safe=":")
    try:
        url = run.base_url + re.sub(r"\{\w+\}", task, path)
        status = run.http.get(url, headers={"Authorization": f"Bearer {run.key}"}).status_code
    except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
        raise CannotRunError(
            f"{run.base_url} does not answer as a server does ({type(error).__name__}); is it running there?"
        ) from None
    if status == 401:
        raise CannotRunError(
            f"{run.base_url} refuses the key of {KEY_VARIABLE} (401); a run with it would prove nothing"
        )


def _pytest_options(options: argparse.Namespace) -> list[str]:
    chosen = {"--exitfirst": options.fail_fast, "--verbose": options.verbose}
    if options.junit:
        # Now, and not after a run that may have been paid for.
        try:
            options.junit.open("a").close()
        except OSError as error:
            raise CannotRunError(f"--junit {options.junit}: can't be written ({error.strerror})") from None
        chosen[f"--junit-xml={options.junit.resolve()}"] = True
    return [name for name, wanted in chosen.items() if wanted]


def _run(run: Run, options: list[str]) -> int:
    suite = Path(__file__).parent / "suite"
    arguments = ["-c", "pytest.ini", "--rootdir", ".", "--no-header", "--tb=short", *options]
    arguments += [f"{layer}.py" for layer in LAYERS]
    redactor = run.redactor
    print(f"seed {run.seed}: repeat this run with --seed {run.seed} and the same other options")
    manner = "strict" if run.strict else "should rules only reported"
    print(f"server {run.base_url}, contract {run.contract.version}, {manner}", flush=True)
    with contextlib.closing(run.http), running(run), _redacted_output(redactor), contextlib.chdir(suite):
        outcome = pytest.main(arguments, plugins=[redactor, _Account(run)])
    return 0 if outcome == pytest.ExitCode.OK else 130 if outcome == pytest.ExitCode.INTERRUPTED else 1


class _Account:
    """Prints what was asked and answered, after the tests."""

    def __init__(self, run: Run) -> None:
        self._run = run

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        write = terminalreporter.write_line
        terminalreporter.section("what was exercised")
        for operation in self._run.contract.operations:
            answers = sorted(self._run.seen.answers[operation].items())
            statuses = "  ".join(f"{status}: {count}" for status, count in answers) or "no answer"
            write(f"{operation:22}{self._run.seen.cases(operation):6} requests   {statuses}")
        rules = [rule.id for rule in self._run.contract.rules if rule.about != "billing"]
        asked = [rule for rule in rules if rule in self._run.seen.asked]
        write("")
        write(f"rules asked: {' '.join(asked)}")
        write(f"rules not asked: {' '.join(rule for rule in rules if rule not in asked)}")
        if self._run.seen.warnings:
            terminalreporter.section("should rules that were broken (reported, not failed)")
            for rule, count in sorted(self._run.seen.warnings.items()):
                write(f"{count:6} times  {rule}")
        write("")
        write(f"seed {self._run.seed}")


@contextlib.contextmanager
def _own_settings() -> Iterator[None]:
    """Keep the caller's settings of pytest, proxies and credentials out of the run, and files out of their folder."""
    before = dict(os.environ)
    with tempfile.TemporaryDirectory(prefix="octopusx-video-contract-") as scratch:
        os.environ.pop("PYTEST_ADDOPTS", None)
        os.environ.pop("PYTEST_PLUGINS", None)
        os.environ |= {
            "HYPOTHESIS_STORAGE_DIRECTORY": scratch,
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
            # The key of this run is the only credential, and what goes to this machine goes through no proxy.
            "NETRC": os.devnull,
            "NO_PROXY": ",".join(_LOOPBACK),
            "no_proxy": ",".join(_LOOPBACK),
        }
        try:
            yield
        finally:
            os.environ.clear()
            os.environ.update(before)


@contextlib.contextmanager
def _redacted_output(redactor: Redactor) -> Iterator[None]:
    with (
        contextlib.redirect_stdout(redactor.stream(sys.stdout)),
        contextlib.redirect_stderr(redactor.stream(sys.stderr)),
    ):
        yield
