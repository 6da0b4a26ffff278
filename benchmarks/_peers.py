"""The peers from npm: Prism as the mock installs it, and Steady, pinned in `peers/`."""

from __future__ import annotations

import contextlib
import functools
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from octopusx_video_mock.errors import MockError
from octopusx_video_mock.prism import installation
from octopusx_video_mock.prism.node import Node, find_node

HERE = Path(__file__).resolve().parent
PRISM = "node_modules/@stoplight/prism-cli"
STEADY = "node_modules/@stdy/cli"


class BenchError(Exception):
    """The benchmark can't run, or what it would measure is not what it says. The text names the cause."""


@functools.cache
def prism() -> Path:
    """The package of Prism's command.

    Raises:
        BenchError: npm could not install it, or there is no Node.js.
    """
    with _bench_errors():
        return installation.installed(_node(), _say) / PRISM


@functools.cache
def steady() -> Path:
    """The package of Steady's command.

    Raises:
        BenchError: npm could not install it, or there is no Node.js.
    """
    with _bench_errors():
        return installation.packages(_node(), HERE / "peers", "steady", _say) / STEADY


def node_binary() -> Path:
    """The Node.js that runs Prism.

    Raises:
        BenchError: There is none.
    """
    return _node().folder / "node"


def peer_versions() -> dict[str, str]:
    """Version of each peer and of the Node.js that runs Prism, as installed."""
    found = {name: _package_version(package()) for name, package in (("Prism", prism), ("Steady", steady))}
    node = subprocess.run([node_binary(), "--version"], capture_output=True, text=True, check=True)
    return {**found, "Node.js": node.stdout.strip().removeprefix("v")}


@functools.cache
def _node() -> Node:
    with _bench_errors():
        return find_node(installation.node_version())


@contextlib.contextmanager
def _bench_errors() -> Iterator[None]:
    try:
        yield
    except MockError as error:
        raise BenchError(str(error)) from None


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")


def _package_version(package: Path) -> str:
    return str(json.loads((package / "package.json").read_text(encoding="utf-8"))["version"])
