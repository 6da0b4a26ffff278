"""The first hour of three new users, with its times (`nox -s first_hour`).

python -m tests.campaigns.walkthroughs.first_hour

The repository is cloned, with an empty home folder, and each user types the commands of the README: to a first video of
their own in five commands, to the mock's page in one, and to a finding about a wrong server of their own in three.
Installations are timed apart. Exit status: 0 each got there, 1 one did not.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

from tests.support.serving import serving

ROOT = Path(__file__).parents[3]
MOCK = "http://127.0.0.1:4010"
_PATIENCE = 600
_START_SECONDS = 30


class FailedError(Exception):
    """A command did not do what the README says. The text has its output."""


class User:
    """Someone with an empty home folder, who types commands.

    Args:
        home: Their home folder, and where they work.
    """

    def __init__(self, home: Path) -> None:
        self.home = home
        self.folder = home
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("OCTOPUSX", "VIRTUAL_ENV"))}
        self.environment = {**kept, "HOME": str(home), "XDG_CACHE_HOME": str(home / ".cache")}
        self.times: list[tuple[str, float, bool]] = []

    def types(self, command: str, *, installs: bool = False, status: int = 0) -> str:
        """Run a command in a shell, and return what it printed.

        Raises:
            FailedError: It ended with another status.
        """
        begun = time.monotonic()
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=_PATIENCE,
            check=False,
        )
        self.times.append((command, time.monotonic() - begun, installs))
        if done.returncode != status:
            raise FailedError(f"{command}\nended with {done.returncode}:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
        return done.stdout

    @contextlib.contextmanager
    def runs(self, command: str) -> Iterator[None]:
        """Run a server beside what follows, and wait until it listens."""
        begun = time.monotonic()
        process = subprocess.Popen(
            ["bash", "-c", f"exec {command}"],
            cwd=self.folder,
            env=self.environment,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            assert process.stderr is not None
            for line in process.stderr:
                if "serving" in line:
                    break
                if time.monotonic() - begun > _START_SECONDS:
                    raise FailedError(f"{command}\ndid not serve within {_START_SECONDS} s")
            self.times.append((f"{command} &", time.monotonic() - begun, False))
            yield
        finally:
            process.terminate()
            process.wait()


def main() -> int:
    """Follow all three, and return the exit status."""
    failed = 0
    with tempfile.TemporaryDirectory(prefix="first-hour-") as folder:
        user = User(Path(folder))
        for title, follow in (("a first video", _video), ("the mock's page", _page), ("a finding", _finding)):
            begun = len(user.times)
            try:
                follow(user)
            except FailedError as error:
                print(f"{title}: {error}")
                failed = 1
                break
            _print(title, user.times[begun:])
    return failed


def _print(title: str, times: list[tuple[str, float, bool]]) -> None:
    own = sum(seconds for _, seconds, installs in times if not installs)
    installing = sum(seconds for _, seconds, installs in times if installs)
    apart = f" and {installing:.1f} s of installations" if installing else ""
    print(f"\n{title}: {len(times)} commands, {own:.1f} s{apart}")
    for command, seconds, _ in times:
        print(f"  {seconds:6.1f} s  {command}")


def _video(user: User) -> None:
    user.types(f"git clone -q {ROOT} octopusx-video && cd octopusx-video", installs=True)
    user.folder = user.home / "octopusx-video"
    user.types("python3 -m venv .venv", installs=True)
    user.environment["PATH"] = f"{user.folder / '.venv' / 'bin'}{os.pathsep}{user.environment['PATH']}"
    user.types("pip install -q '.[mock]'", installs=True)
    with user.runs("octopusx-video-mock --speed 60"):
        user.environment |= {"OCTOPUSX_BASE_URL": MOCK, "OCTOPUSX_API_KEY": "any"}
        user.types(
            "octopusx-video extend grok:48a67431-0708-46d1-9ab9-83cb84700153 -m grok-video-3"
            ' -p "play with another white cat" --wait -o cat.mp4'
        )
    if (user.folder / "cat.mp4").read_bytes()[4:8] != b"ftyp":
        raise FailedError("cat.mp4 is no mp4 file")


def _page(user: User) -> None:
    with user.runs("octopusx-video-mock --control"):
        request = urllib.request.Request(MOCK, headers={"Accept": "text/html"})
        with urllib.request.urlopen(request) as response:  # noqa: S310 - the same
            if b"OctopusX mock server" not in response.read():
                raise FailedError("there is no page at /")


def _finding(user: User) -> None:
    user.types("pip install -q '.[contract]'", installs=True)
    with _wrong_server() as url:
        user.environment["OCTOPUSX_API_KEY"] = "sk-test"
        user.types(f"octopusx-video-contract --base-url {url} --dry-run")
        printed = user.types(f"octopusx-video-contract --base-url {url}", status=1)
    if "curl" not in printed or "R" not in printed:
        raise FailedError(f"no finding with a command was printed:\n{printed[-2000:]}")


@contextlib.contextmanager
def _wrong_server() -> Iterator[str]:
    """A server of one's own that says of everything that it is fine."""

    class Wrong(BaseHTTPRequestHandler):
        def _respond(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            content = b'{"id": "1", "status": "fine"}'
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = do_HEAD = do_OPTIONS = _respond  # noqa: N815 - their names

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name in the base class
            pass

    with serving(Wrong) as url:
        yield url


if __name__ == "__main__":
    sys.exit(main())
