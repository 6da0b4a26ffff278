"""The command ``octopusx-video-contract``."""

from __future__ import annotations

import contextlib
import os
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click
from octopusx_video_openapi import ContractError, interrupts, load
from octopusx_video_openapi.hosts import HTTP_HOSTS_VARIABLE
from octopusx_video_openapi.text import printable

from octopusx_video_contract.core.run_log import MANY_BROKEN_RULES
from octopusx_video_contract.messages.redaction import Redactor
from octopusx_video_contract.runner import selection, session, setup, target
from octopusx_video_contract.runner.options import Options
from octopusx_video_contract.runner.target import KEY_VARIABLE, LEDGER, OTHER_KEY_VARIABLE, CannotRunError

_PROGRAM = "octopusx-video-contract"
_MAX_SECONDS = 86_400
_DOCS_VARIABLE = "OCTOPUSX_DOCS_URL"
_SITE = re.compile(r"https?://[\w.~%:/\[\]-]+", re.ASCII)
_EPILOG = f"""\
\b
examples:
  {_PROGRAM}
    (the mock, in this process; --engine server or prism starts one as a server)
  {KEY_VARIABLE}=sk-test {_PROGRAM} --base-url http://127.0.0.1:4010
    (start the mock there with --token sk-test: a server that accepts any key fails the suite, as it should)
  {KEY_VARIABLE}=sk-… {_PROGRAM} --base-url https://octopusx.ai --task-id grok:… --max-paid 1 --dry-run
    (what one paid submit would be spent on; without --dry-run it is)
  {KEY_VARIABLE}=sk-… {_PROGRAM} probe --base-url https://octopusx.ai
    (how the service responds where its documentation says nothing; reads only)

Broken `should` rules fail the run with --strict, and for this project's mock, which is known by its control routes or
because it follows Prefer: fault=…; the run says so.

--layer, --operation and --rule limit a run; what was chosen and never asked fails it.

The key is read from {KEY_VARIABLE} and never from an argument; {OTHER_KEY_VARIABLE} may hold a key of another account,
for the rule that keeps accounts apart.

{HTTP_HOSTS_VARIABLE}=mock,host.docker.internal allows plain http to these hosts: exact names, no wildcards. The key
goes to them in clear and without a proxy; --max-paid limits their submits, as those of any server elsewhere.

A server on this machine is taken for one that bills nothing. Against any other, each submit that carries the key costs
a unit of --max-paid, whatever the response, and is sent once. Without it only reads, submits without a valid key and
wrong methods are sent. For a tunnel from this machine to the service give --max-paid as well.

\b
exit status:
  0              the server conforms to the contract
  1              it does not, or the run proved nothing
  2              the run can't start
  129, 130, 143  interrupted (SIGHUP, Ctrl-C, SIGTERM)
"""


def _whole_number(least: int, what: str) -> Callable[[Any], int]:
    def convert(text: Any) -> int:
        given = str(text)
        if not given.isascii() or not given.isdecimal() or int(given) < least:
            raise click.BadParameter(f"{given!r} is not {what}")
        return int(given)

    return convert


def _seconds(text: Any) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= _MAX_SECONDS:
        raise click.BadParameter(f"{text!r} is not a number of seconds between 0 and {_MAX_SECONDS}")
    return seconds


def _site(text: Any) -> str:
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host = None
    if not host or not _SITE.fullmatch(text):
        shown = text.rpartition("@")[2]  # what is before an @ may be a password
        raise click.BadParameter(f"{shown!r} is not a base URL; write it like https://docs.example.com/octopusx-video")
    return str(text)


_COUNT = _whole_number(0, "a whole number")
_POSITIVE = _whole_number(1, "a whole number above 0")
_FILE = click.Path(path_type=Path)
_SHARED = (
    click.option(
        "--base-url",
        metavar="URL",
        help="the server (default: a mock, started for the run); https, or plain http to this machine and to the hosts "
        f"that {HTTP_HOSTS_VARIABLE} lists, which sends the key in clear",
    ),
    click.option(
        "--task-id",
        multiple=True,
        metavar="ID",
        help="a finished task of the key, may be repeated (default on this machine: those of the contract that it has)",
    ),
    click.option(
        "--timeout", type=_seconds, default=10.0, metavar="S", help="seconds that a response may take (default: 10)"
    ),
    click.option(
        "--deadline",
        type=_seconds,
        default=300.0,
        metavar="S",
        help="seconds that tasks may take to end, where no clock can be turned (default: 300)",
    ),
    click.option(
        "--max-paid",
        type=_COUNT,
        metavar="N",
        help="submits that may be billed (default: 0, and no limit for a server on this machine)",
    ),
    click.option(
        "--ledger",
        type=_FILE,
        metavar="FILE",
        help=f"where submits that may be billed are written down (default: {LEDGER}, when there are any)",
    ),
    click.option("--contract", metavar="FILE", help="an OpenAPI file to test against (default: the project's)"),
    click.option("--report", type=_FILE, metavar="FILE", help="also write a report in Markdown"),
    click.option(
        "--docs-url",
        type=_site,
        envvar=_DOCS_VARIABLE,
        metavar="URL",
        help="the base URL of the site that `nox -s docs` builds, for links from findings to their rules (default: "
        f"{_DOCS_VARIABLE}; without it, findings name the place within the site)",
    ),
)
_OF_THE_SUITE = (
    click.option(
        "--engine",
        type=click.Choice(target.ENGINES),
        help="which mock is started: in this process, as a server, or Prism; with --base-url, what is there: one that "
        f"keeps no tasks ({target.ENGINES[-1]}) is not asked about their lives (default: {target.ENGINES[0]})",
    ),
    click.option("--seed", type=int, metavar="N", help="repeat the run that printed this seed (default: a new one)"),
    click.option(
        "--max-examples",
        type=_POSITIVE,
        default=50,
        metavar="N",
        help="requests generated for each operation beside examples and edge cases (default: 50)",
    ),
    click.option(
        "--strict/--no-strict",
        default=None,
        help="whether broken `should` rules fail the run (default: only for this project's mock)",
    ),
    click.option(
        "--layer",
        multiple=True,
        type=click.Choice(selection.LAYERS),
        help="run this layer alone; may be repeated (docs/SUITE.md)",
    ),
    click.option(
        "--operation",
        multiple=True,
        metavar="NAME",
        help="count the findings of this operation alone, and leave out the tests of others; may be repeated",
    ),
    click.option(
        "--rule", multiple=True, metavar="RULE", help="count the findings of this rule alone; may be repeated"
    ),
    click.option(
        "--max-findings", type=_POSITIVE, metavar="N", help="end the run after the test that makes the N-th finding"
    ),
    click.option(
        "--max-time",
        type=_seconds,
        metavar="S",
        help="end the run after the test in which S seconds are over, with status 1, since the rest was not asked "
        f"(default: {selection.DEFAULT_MAX_TIME:g} where {MANY_BROKEN_RULES} rules are broken by then, else no limit)",
    ),
    click.option("--dry-run", is_flag=True, help="print what would be sent and spent, and send nothing"),
    click.option("--fail-fast", is_flag=True, help="end the run at the first finding"),
    click.option("--verbose", is_flag=True, help="a line for each test instead of a dot"),
    click.option("--junit", type=_FILE, metavar="FILE", help="also write a JUnit report"),
)


def _command(
    name: str, about: str, *options: Callable[[Any], Any], epilog: str | None = None, is_probe: bool = False
) -> click.Command:
    def made(**given: Any) -> Options:
        return Options(is_probe=is_probe, **given)

    for option in reversed((*_SHARED, *options)):
        made = option(made)
    made = click.version_option(package_name="octopusx-video", prog_name=_PROGRAM, message="%(prog)s %(version)s")(made)
    settings = {"help_option_names": ["-h", "--help"], "max_content_width": 110}
    return click.command(name, help=about, epilog=epilog, context_settings=settings)(made)


_SUITE = _command(
    _PROGRAM,
    "Test a server against the contract of the OctopusX video-extension API.",
    *_OF_THE_SUITE,
    epilog=_EPILOG,
)
_PROBE = _command(
    f"{_PROGRAM} probe",
    "Ask a server how it responds where the documentation says nothing, and propose changes of the contract. Reads and "
    "submits without a valid key come first; --max-paid 1 allows one submit that starts a task, and --max-paid 2 one "
    "more that lacks a field.",
    click.option("--json", is_flag=True, help="print the report as JSON"),
    is_probe=True,
)


def parsed(arguments: Sequence[str]) -> Options:
    """The options of the suite, or of the probe where its name is the first argument.

    Raises:
        click.ClickException: An argument can't be used.
        click.exceptions.Exit: The help or the version was printed.
    """
    is_probe = arguments[:1] == ["probe"]
    command = _PROBE if is_probe else _SUITE
    # In place of the command's main(), which prints an empty line for Ctrl-C.
    with command.make_context(str(command.name), list(arguments[1:] if is_probe else arguments)) as context:
        options: Options = command.invoke(context)
        return options


def main(argv: list[str] | None = None) -> int:
    """Run the suite, or the probe. Returns the exit status."""
    try:
        options = parsed(sys.argv[1:] if argv is None else argv)
    except click.exceptions.Exit as end:
        return end.exit_code
    except click.ClickException as error:
        name = error.ctx.info_name if isinstance(error, click.UsageError) and error.ctx else _PROGRAM
        sys.stderr.write(f"{name}: error: {printable(error.format_message().rstrip('.'))}; see --help\n")
        return 2
    with interrupts.handled():
        return _run(options)


def _run(options: Options) -> int:
    try:
        with contextlib.ExitStack() as stack:
            stack.enter_context(session.own_settings())
            if options.is_probe:
                from octopusx_video_contract.probe import probe  # noqa: PLC0415 - the suite has no use for it

                return probe.run(options, stack)
            contract = load(options.contract)
            choice = selection.chosen(options, contract)
            setup.check(contract, [layer for layer in selection.LAYERS if choice.runs(layer)])
            if options.dry_run:
                return session.rehearse(options, stack, choice)
            chosen = session.pytest_options(options)
            report = options.report and options.report.resolve()
            return session.run(target.prepare(options, stack), chosen, report, choice=choice)
    except (CannotRunError, ContractError) as error:
        keys = tuple(filter(None, (os.environ.get(KEY_VARIABLE), os.environ.get(OTHER_KEY_VARIABLE))))
        for line in error.lines if isinstance(error, ContractError) else [str(error)]:
            print(f"{_PROGRAM}: error: {Redactor(*keys).shown(line)}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"{_PROGRAM}: interrupted", file=sys.stderr)
        return interrupts.status() or 130
    except BrokenPipeError:  # whoever read the output has gone, so there is nobody to report to
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
