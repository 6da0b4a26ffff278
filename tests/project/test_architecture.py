"""The arrows between the packages point one way (ARCHITECTURE.md)."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from docs import layers

ROOT = Path(__file__).parents[2]
# What each package may import of the others. The suite's command alone starts a mock, when no server is named.
ALLOWED = {
    "openapi/octopusx_video_openapi": set(),
    "generated/octopusx_video_client": set(),
    "mock/octopusx_video_mock": {"octopusx_video_openapi"},
    "contract_tests/octopusx_video_contract": {"octopusx_video_openapi", "octopusx_video_client"},
    "sdk/octopusx_video": {"octopusx_video_openapi", "octopusx_video_client"},
}
EXCEPTIONS = {("contract_tests/octopusx_video_contract/runner/target.py", "octopusx_video_mock")}


def _imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            found.add(node.module.split(".")[0])
    return found


@pytest.mark.parametrize(("package", "allowed"), ALLOWED.items())
def test_a_package_imports_only_what_it_may(package: str, allowed: set[str]) -> None:
    """No package knows of one that the data has not passed yet."""
    for path in (ROOT / package).rglob("*.py"):
        relative = str(path.relative_to(ROOT))
        ours = {name for name in _imports(path) if name.startswith("octopusx_video")} - {Path(package).name}
        assert ours <= allowed | {name for file, name in EXCEPTIONS if file == relative}, relative


def test_importing_the_client_imports_only_what_it_needs() -> None:
    """A user of the client alone pays for httpx and attrs, not for the tools."""
    code = "import sys, octopusx_video_client.api.videos.extend_video; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"yaml", "pytest", "schemathesis", "octopusx_video_mock", "octopusx_video_openapi"} & set(loaded)


@pytest.mark.parametrize(
    ("module", "spared"),
    [
        ("octopusx_video_mock.cli", {"uvicorn", "yaml", "jsonschema_rs"}),
        ("octopusx_video_mock.server.foreground", {"httpx", "platformdirs", "octopusx_video_mock.prism.process"}),
        ("octopusx_video_mock.prism.process", {"httpx", "uvicorn", "octopusx_video_mock.engine.engine"}),
        ("octopusx_video_mock.pytest_plugin", {"httpx", "uvicorn", "yaml", "jsonschema_rs"}),
    ],
)
def test_the_mock_imports_only_what_serving_needs(module: str, spared: set[str]) -> None:
    """No engine pays for the other, no server for a client, and none for the suite's tools."""
    code = f"import sys, {module}; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not ({"schemathesis", "hypothesis", "av", "rich", "octopusx_video_client"} | spared) & set(loaded)


@pytest.mark.parametrize("module", ["octopusx_video", "octopusx_video.batch", "octopusx_video.cli"])
def test_one_machine_needs_no_engine(module: str) -> None:
    """Neither the client nor a batch on one machine loads what only a batch on several machines needs."""
    code = f"import sys, {module}; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"dbos", "psycopg", "psycopg_pool", "sqlalchemy"} & set(loaded)


def test_the_picture_of_the_layers_is_current() -> None:
    """`docs/layers.svg` shows the layers that import-linter holds."""
    assert layers.PICTURE.read_text("utf-8") == layers.drawn(layers.columns((ROOT / "pyproject.toml").read_text()))


def test_the_page_of_the_architecture_is_short() -> None:
    """Concepts, layers and forbidden imports fit in sixty lines."""
    assert len((ROOT / "ARCHITECTURE.md").read_text("utf-8").splitlines()) <= 60
