"""The command ``octopusx-video-contract``."""

from __future__ import annotations

import argparse
import contextlib
import importlib.metadata
import os
import sys
from pathlib import Path
from typing import NoReturn

from octopusx_video_openapi import ContractError, interrupts, load
from octopusx_video_openapi.hosts import HTTP_HOSTS_VARIABLE

from octopusx_video_contract.core.run_log import MANY_BROKEN_RULES
from octopusx_video_contract.messages.redaction import Redactor
from octopusx_video_contract.runner import selection, session, setup, target
from octopusx_video_contract.runner.target import KEY_VARIABLE, LEDGER, OTHER_KEY_VARIABLE, CannotRunError

_PROGRAM = "octopusx-video-contract"
EXAMPLES = f"""\
examples:
  octopusx-video-contract
    (the mock, in this process; --engine server or prism starts one as a server)
  {KEY_VARIABLE}=sk-test octopusx-video-contract --base-url http://127.0.0.1:4010
    (a mock there has to be started with --token sk-test: one that takes any key rightly fails)
  {KEY_VARIABLE}=sk-… octopusx-video-contract --base-url https://octopusx.ai --task-id grok:… --max-paid 1 --dry-run
    (what one paid submit would be spent on; without --dry-run it is)
  {KEY_VARIABLE}=sk-… octopusx-video-contract probe --base-url https://octopusx.ai
    (how the service answers where its pages are silent; reads only)

Broken `should` rules fail the run with --strict, and for this project's mock, which is known by its control routes or
because it follows Prefer: fault=…; the run says so.

--layer, --operation and --rule limit a run; what was chosen and never asked fails it.

The key is read from {KEY_VARIABLE} and never from an argument; {OTHER_KEY_VARIABLE} may hold a key of another account,
for the rule that keeps accounts apart.

{HTTP_HOSTS_VARIABLE}=mock,host.docker.internal allows plain http to these hosts: exact names, no wildcards. The key
goes to them in clear and without a proxy; --max-paid limits their submits, as those of any server elsewhere.

A server on this machine is taken for one that bills nothing. Against any other, each submit that carries the key costs
a unit of --max-paid, whatever it is answered, and is sent once: without it only reads, submits without a valid key and
wrong methods are sent. For a tunnel from this machine to the service give --max-paid as well.

exit status: 0 the server keeps the contract, 1 it does not or the run proved nothing, 2 the run can't start,
129, 130 or 143 interrupted (SIGHUP, Ctrl-C, SIGTERM)
"""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Say in one line what is wrong, without the usage, which --help prints."""
        self.exit(2, f"{self.prog}: error: {message}; see --help\n")


def main(argv: list[str] | None = None) -> int:
    """Run the suite, or the probe. Returns the exit status."""
    arguments = sys.argv[1:] if argv is None else argv
    probing = arguments[:1] == ["probe"]
    options = parser(probing=probing).parse_args(arguments[1:] if probing else arguments)
    with interrupts.handled():
        return _run(options, probing=probing)


def _run(options: argparse.Namespace, *, probing: bool) -> int:
    try:
        with contextlib.ExitStack() as stack:
            stack.enter_context(session.own_settings())
            if probing:
                from octopusx_video_contract.probe import probe  # noqa: PLC0415 - the suite has no use for it

                return probe.run(options, stack)
            contract = load(options.contract)
            choice = selection.chosen(options, contract)
            setup.check(contract, [layer for layer in selection.LAYERS if choice.runs(layer)])
            if options.dry_run:
                return session.rehearse(options, stack, choice)
            chosen = session.pytest_options(options)
            return session.run(target.prepare(options, stack), chosen, options.report, choice=choice)
    except (CannotRunError, ContractError) as error:
        keys = tuple(filter(None, (os.environ.get(KEY_VARIABLE), os.environ.get(OTHER_KEY_VARIABLE))))
        for line in error.lines if isinstance(error, ContractError) else [str(error)]:
            print(f"{_PROGRAM}: error: {Redactor(*keys).shown(line)}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"{_PROGRAM}: interrupted", file=sys.stderr)
        return interrupts.status() or 130
    except BrokenPipeError:  # whoever read the output has gone, so there is nobody to tell
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def parser(*, probing: bool = False) -> argparse.ArgumentParser:
    """The options of the suite, or of the probe."""
    parser = _Parser(
        prog=_PROGRAM + (" probe" if probing else ""),
        description="Ask a server how it answers where the pages are silent, and propose changes of the contract. "
        "Reads and submits without a valid key come first; --max-paid 1 allows one submit that starts a task, and "
        "--max-paid 2 one more that lacks a field."
        if probing
        else "Hold a server to the contract of the OctopusX video-extension API.",
        epilog=None if probing else EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"{_PROGRAM} {_version()}")
    parser.add_argument(
        "--base-url",
        metavar="URL",
        help="the server (default: a mock, started for the run); https, or plain http to this machine and to the hosts "
        f"that {HTTP_HOSTS_VARIABLE} lists, which sends the key in clear",
    )
    parser.add_argument(
        "--task-id",
        action="append",
        metavar="ID",
        help="a finished task of the key, may be repeated (default on this machine: those of the contract that it has)",
    )
    parser.add_argument(
        "--timeout", type=_seconds, default=10.0, metavar="S", help="seconds that an answer may take (default: 10)"
    )
    parser.add_argument(
        "--deadline",
        type=_seconds,
        default=300.0,
        metavar="S",
        help="seconds that tasks may take to end, where no clock can be turned (default: 300)",
    )
    parser.add_argument(
        "--max-paid",
        type=_count,
        metavar="N",
        help="submits that may be billed (default: 0, and no limit for a server on this machine)",
    )
    parser.add_argument(
        "--ledger",
        type=Path,
        metavar="FILE",
        help=f"where submits that may be billed are written down (default: {LEDGER}, when there are any)",
    )
    parser.add_argument("--contract", metavar="FILE", help="an OpenAPI file to hold it to (default: the project's)")
    parser.add_argument("--report", type=Path, metavar="FILE", help="also write a report in Markdown")
    if probing:
        parser.add_argument("--json", action="store_true", help="print the report as JSON")
    else:
        _suite_options(parser)
    return parser


def _suite_options(parser: argparse.ArgumentParser) -> None:
    engines = target.ENGINES
    parser.add_argument(
        "--engine",
        choices=engines,
        help="which mock is started: in this process, as a server, or Prism; with --base-url, what is there: "
        f"one that keeps no tasks ({engines[-1]}) is not asked about their lives (default: {engines[0]})",
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
        "--strict",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="whether broken `should` rules fail the run (default: only for this project's mock)",
    )
    parser.add_argument(
        "--layer",
        action="append",
        choices=selection.LAYERS,
        help="run this layer alone; may be repeated (docs/SUITE.md)",
    )
    parser.add_argument(
        "--operation",
        action="append",
        metavar="NAME",
        help="count the findings of this operation alone, and leave out the tests of others; may be repeated",
    )
    parser.add_argument(
        "--rule", action="append", metavar="RULE", help="count the findings of this rule alone; may be repeated"
    )
    parser.add_argument(
        "--max-findings", type=_positive, metavar="N", help="end the run after the test that makes the N-th finding"
    )
    parser.add_argument(
        "--max-time",
        type=_seconds,
        metavar="S",
        help="end the run after the test in which S seconds are over, with status 1, since the rest was not asked "
        f"(default: {selection.DEFAULT_MAX_TIME:g} where {MANY_BROKEN_RULES} rules are broken by then, else no limit)",
    )
    parser.add_argument("--dry-run", action="store_true", help="print what would be sent and spent, and send nothing")
    parser.add_argument("--fail-fast", action="store_true", help="end the run at the first finding")
    parser.add_argument("--verbose", action="store_true", help="a line for each test instead of a dot")
    parser.add_argument("--junit", type=Path, metavar="FILE", help="also write a JUnit report")


def _version() -> str:
    try:
        return importlib.metadata.version("octopusx-video")
    except importlib.metadata.PackageNotFoundError:
        return "(not installed)"


def _positive(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)


def _count(text: str) -> int:
    if not text.isascii() or not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number")
    return int(text)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= 86_400:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds between 0 and 86400")
    return seconds
