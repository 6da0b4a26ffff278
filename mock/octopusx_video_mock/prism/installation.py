"""The installation of the pinned Prism, and of other npm packages, in the user's cache."""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import platformdirs

from octopusx_video_mock.errors import MockError
from octopusx_video_mock.prism.node import Node

_FOLDER = Path(__file__).resolve().parent
_LOCK = "package-lock.json"
_PINNED = ("package.json", _LOCK, ".npmrc")


def node_version() -> tuple[int, ...]:
    """The Node.js that the pinned Prism asks for, as its lock file has it."""
    lock = json.loads((_FOLDER / _LOCK).read_text(encoding="utf-8"))
    engines = lock["packages"]["node_modules/@stoplight/prism-cli"]["engines"]["node"]
    return tuple(map(int, re.findall(r"\d+", engines)[:3]))


def installed(node: Node, on_progress: Callable[[str], None]) -> Path:
    """The folder with Prism's packages; see ``packages``."""
    return packages(node, _FOLDER, "prism", on_progress)


def packages(node: Node, pin: Path, program: str, on_progress: Callable[[str], None]) -> Path:
    """The folder with the npm packages of a lock file, installed once for each content of it.

    Args:
        node: Runs npm.
        pin: The folder with package.json, package-lock.json and .npmrc.
        program: What the packages are installed for, the name of a file in ``node_modules/.bin``.
        on_progress: Is called with a line when an installation begins.

    Raises:
        MockError: npm could not install them.
    """
    digest = hashlib.sha256(b"".join((pin / name).read_bytes() for name in _PINNED)).hexdigest()[:16]
    cache = platformdirs.user_cache_path("octopusx-video")
    home = cache / f"{program}-{digest}"
    if _usable(home, program):
        return home
    on_progress(f"installing {program.capitalize()} from its lock file (once, some seconds)")
    try:
        cache.mkdir(parents=True, exist_ok=True)
        # Made beside its place and renamed when complete: an interrupted installation is never taken for a whole one.
        with tempfile.TemporaryDirectory(prefix="installing-", dir=cache) as scratch:
            made = Path(scratch) / program
            made.mkdir()
            _install(node, pin, made, program)
            with contextlib.suppress(OSError):  # another process was first; its installation is as good
                if not _usable(home, program):
                    shutil.rmtree(home, ignore_errors=True)
                made.rename(home)
    except OSError as error:
        raise MockError(f"can't write to {cache} ({error.strerror}); set XDG_CACHE_HOME to a folder that can") from None
    return home


def _install(node: Node, pin: Path, folder: Path, program: str) -> None:
    for name in _PINNED:
        shutil.copy(pin / name, folder / name)
    npm = subprocess.run(
        [*node.npm, "ci", "--ignore-scripts", "--loglevel=error"],
        cwd=folder,
        env=node.environment(),
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    named = program.capitalize()
    if npm.returncode != 0:
        reason = next((line for line in npm.stderr.splitlines() if line.strip()), "no reason given")
        raise MockError(f"npm can't install {named} ({reason.strip()}); is the npm registry reachable?")
    if not _usable(folder, program):
        raise MockError(f"npm says that it has installed {named}, but it has not; see `npm config list`")


def _usable(home: Path, program: str) -> bool:
    return (home / "node_modules" / ".bin" / program).exists()
