"""Puts the bundle of Scalar, which draws the reference of the API, where the mock serves it from.

The repository does not contain it. It comes with ``flask-openapi-scalar``, a package that has Scalar's published file
unchanged; its SHA-256 is that of ``dist/browser/standalone.js`` in @scalar/api-reference of the same version on npm. Of
the packages that have such a bundle it is the one that follows Scalar's releases. No code of it runs.
"""

from __future__ import annotations

import hashlib
from importlib import metadata
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

PACKAGE = "flask-openapi-scalar"
BUNDLE = "flask_openapi_scalar/templates/scalar/js/scalar.standalone.js"
SHA256 = "dcb027152bf20bf2f6dcd66e8f9fb073c1a9e274cf0b94b939a7d99ab8947060"
TARGET = "mock/octopusx_video_mock/pages/scalar.js"


class Bundle(BuildHookInterface):  # type: ignore[type-arg]
    """Writes the bundle before a wheel is built, and before the project is installed as editable."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Called by hatchling.

        Raises:
            RuntimeError: The bundle is not there, or is another one than the one that is pinned.
        """
        source = metadata.distribution(PACKAGE).locate_file(BUNDLE)
        content = Path(str(source)).read_bytes()
        if hashlib.sha256(content).hexdigest() != SHA256:
            text = f"{source} is not the bundle that hatch_build.py pins; install the version of pyproject.toml"
            raise RuntimeError(text)
        target = Path(self.root) / TARGET
        if not target.exists() or target.read_bytes() != content:
            target.write_bytes(content)
        build_data["artifacts"].append(f"/{TARGET}")
