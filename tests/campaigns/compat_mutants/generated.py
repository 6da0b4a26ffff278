"""The client that the generator makes of a contract, as its files say: what a caller can write down in a program."""

from __future__ import annotations

import ast
import functools
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from octopusx_video_openapi import Contract

_SETTINGS = Path(__file__).parents[3] / "generated" / "generator.yaml"


class Client(NamedTuple):
    """A generated client.

    Attributes:
        models: For each model its attributes in the order of its positional arguments, with their types as written.
        open_models: The models that have ``additional_properties``.
        methods: For each function, such as ``api.videos.extend_video``, its parameters and whether each is required.
    """

    models: dict[str, dict[str, str]]
    open_models: set[str]
    methods: dict[str, dict[str, bool]]


@functools.lru_cache(maxsize=4)
def client(contract: Contract) -> Client:
    """Generate the client of a contract, and read it."""
    with tempfile.TemporaryDirectory(prefix="client-") as folder:
        document, package = Path(folder, "openapi.json"), Path(folder, "client")
        document.write_text(contract.text(), "utf-8")
        command = [sys.executable, "-m", "openapi_python_client", "generate", "--meta", "none"]
        command += ["--path", str(document), "--config", str(_SETTINGS), "--output-path", str(package)]
        subprocess.run(command, check=True, capture_output=True)
        return _read(package)


def is_usable(client: Client, example: str) -> bool:
    """Whether a use of a client, as the comparison writes it, works with it."""
    if match := re.fullmatch(r"(\w+)\((<.*>)\)", example):
        sent = re.findall(r"<(\w+)>", match[2])
        return list(client.models.get(match[1], {}))[: len(sent)] == sent
    if match := re.fullmatch(r"(\w+)\(\.\.\.\)\.(\w+)", example):
        name, attribute = match.groups()
        return name in client.open_models if attribute == "additional_properties" else attribute in client.models[name]
    raise ValueError(f"what use of the client is {example!r}?")


def _read(package: Path) -> Client:
    models: dict[str, dict[str, str]] = {}
    open_models = set()
    for file in sorted((package / "models").glob("*.py")):
        for node in ast.parse(file.read_text("utf-8")).body:
            if isinstance(node, ast.ClassDef):
                attributes = {
                    one.target.id: ast.unparse(one.annotation)
                    for one in node.body
                    if isinstance(one, ast.AnnAssign) and isinstance(one.target, ast.Name)
                }
                if attributes.pop("additional_properties", None):
                    open_models.add(node.name)
                models[node.name] = attributes
    methods = {}
    for file in sorted((package / "api").glob("*/*.py")):
        for node in ast.parse(file.read_text("utf-8")).body:
            if isinstance(node, ast.FunctionDef) and node.name == "sync_detailed":
                methods[f"api.{file.parent.name}.{file.stem}"] = _parameters(node.args)
    return Client(models, open_models, methods)


def _parameters(arguments: ast.arguments) -> dict[str, bool]:
    positional = {one.arg: True for one in arguments.args}
    pairs = zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
    return positional | {one.arg: default is None for one, default in pairs if one.arg != "client"}
