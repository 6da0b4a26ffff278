"""The installation of the pinned Prism in the user's cache."""

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
    """The folder with Prism's packages, installed once for each content of the pin.

    Raises:
        MockError: npm could not install them.
    """
    digest = hashlib.sha256(b"".join((_FOLDER / name).read_bytes() for name in _PINNED)).hexdigest()[:16]
    cache = platformdirs.user_cache_path("octopusx-video")
    home = cache / f"prism-{digest}"
    if _usable(home):
        return home
    on_progress("installing Prism from its lock file (once, some seconds)")
    try:
        cache.mkdir(parents=True, exist_ok=True)
        # Made beside its place and renamed when complete: an interrupted installation is never taken for a whole one.
        with tempfile.TemporaryDirectory(prefix="installing-", dir=cache) as scratch:
            made = Path(scratch) / "prism"
            made.mkdir()
            _install(node, made)
            with contextlib.suppress(OSError):  # another process was first; its installation is as good
                if not _usable(home):
                    shutil.rmtree(home, ignore_errors=True)
                made.rename(home)
    except OSError as error:
        raise MockError(f"can't write to {cache} ({error.strerror}); set XDG_CACHE_HOME to a folder that can") from None
    return home


def _install(node: Node, folder: Path) -> None:
    for name in _PINNED:
        shutil.copy(_FOLDER / name, folder / name)
    npm = subprocess.run(
        [*node.npm, "ci", "--ignore-scripts", "--loglevel=error"],
        cwd=folder,
        env=node.environment(),
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    if npm.returncode != 0:
        reason = next((line for line in npm.stderr.splitlines() if line.strip()), "no reason given")
        raise MockError(f"npm can't install Prism ({reason.strip()}); is the npm registry reachable?")
    if not _usable(folder):
        raise MockError("npm says that it has installed Prism, but it has not; see `npm config list`")


def _usable(home: Path) -> bool:
    return (home / "node_modules" / ".bin" / "prism").exists()
