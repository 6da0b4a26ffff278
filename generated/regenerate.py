"""Make the client, the SDK's clients, the compiled contract and the symbols of its rules, or check the committed ones.

python generated/regenerate.py            # nox -s generate
python generated/regenerate.py --check    # nox -s drift; exit status 1 where they differ
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import io
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import sync_client
from octopusx_video_openapi import Contract, ContractError, compiled, house, reading

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
CONTRACT = ROOT / "openapi" / "openapi.yaml"
PACKAGE = HERE / "octopusx_video_client"
SETTINGS = HERE / "generator.yaml"
COMPILED = ROOT / "openapi" / "octopusx_video_openapi" / compiled.PATH.name
ASYNC_CLIENT = ROOT / "sdk" / "octopusx_video" / "_async_client.py"
SYNC_CLIENT = ASYNC_CLIENT.with_name("_client.py")
RULE_IDS = COMPILED.with_name("rule_ids.py")
TEMPLATES = HERE / "templates"
INSERT_BEFORE = {
    "endpoint_module.py.jinja": "def _parse_response("
    "*, client: AuthenticatedClient | Client, response: httpx.Response) -> {{return_type}}:\n",
    "model.py.jinja": "    def to_dict(self) -> dict[str, Any]:\n",
    "types.py.jinja": "    def __bool__(self) -> Literal[False]:\n",
}
"""For each template in ``TEMPLATES``: the line of the generator's own template before which it is inserted."""
FIX = "nox -s generate"


class GenerationError(Exception):
    """The generator can't make a client of the contract. The text is what it said."""


def generate(contract: Path, folder: Path) -> Path:
    """Make the client of a contract in a folder and return the package.

    Raises:
        GenerationError: The generator failed or warned, its formatter is missing, or its templates have changed.
    """
    package = folder / PACKAGE.name
    tools = _ruff().parent  # without its formatter the generator only says so, and gives other bytes
    command = [sys.executable, "-m", "openapi_python_client", "generate", "--meta", "none", "--fail-on-warning"]
    command += ["--path", str(contract), "--config", str(SETTINGS), "--output-path", str(package)]
    command += ["--custom-template-path", str(_templates(folder))]
    environment = {
        **os.environ,
        "PATH": f"{tools}{os.pathsep}{os.environ.get('PATH', '')}",
        "NO_COLOR": "1",
        # The generator sorts a set without regard to case: `queued` and `QUEUED` would change places between runs.
        "PYTHONHASHSEED": "0",
    }
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise GenerationError(f"{contract}: openapi-python-client says:\n{done.stdout}{done.stderr}".rstrip())
    # The marker of a typed package; the generator writes it only with a project around the package.
    (package / "py.typed").touch()
    return package


def unformatted(contract: Contract, folder: Path) -> Path:
    """Make the client of any contract in a folder that is empty, for a type checker, and return the package.

    It is made in this process, which takes a quarter of the time. Neither its format nor the order of its sets is that
    of the committed one.

    Raises:
        GenerationError: The generator warned, or its templates have changed.
    """
    from openapi_python_client import generate as make  # noqa: PLC0415 - slow, and who checks a contract needs it not
    from openapi_python_client.config import Config, ConfigFile, MetaType  # noqa: PLC0415

    package, document = folder / PACKAGE.name, folder / "openapi.json"
    document.write_text(contract.text(), "utf-8")
    file = ConfigFile.load_from_path(SETTINGS)
    file.post_hooks = []
    settings = Config.from_sources(file, MetaType.NONE, document, "utf-8", overwrite=False, output_path=package)
    with contextlib.redirect_stdout(io.StringIO()):
        problems = make(config=settings, custom_template_path=_templates(folder))
    if problems:
        said = "\n".join(f"{one.header}: {one.detail}" for one in problems)
        raise GenerationError(f"{contract.path}: openapi-python-client says:\n{said}")
    (package / "py.typed").touch()
    return package


def _templates(folder: Path) -> Path:
    """Write the templates that go before the generator's own, and return their folder."""
    templates = folder / TEMPLATES.name
    templates.mkdir()
    for name, line in INSERT_BEFORE.items():
        (templates / name).write_text(_template(name, line), "utf-8")
    return templates


def texts(path: Path) -> dict[Path, str]:
    """What each file that is made beside the package holds: the compiled contract, its rules and the SDK's clients.

    Raises:
        ContractError: The contract is not one that can be used. It has a line for each problem.
        GenerationError: The asynchronous client is not written as it has to be.
    """
    source = reading.read(path)
    contract = house.checked(source)
    compiled_text = compiled.text(source, path.read_bytes())
    return {COMPILED: compiled_text, RULE_IDS: rule_ids(contract), **_clients(contract)}


def rule_ids(contract: Contract) -> str:
    """The module with a symbol for each rule of the contract, so that a type checker knows which rules there are."""
    titles = {rule.id: rule.title.replace("\\", r"\\").replace('"', r"\"") for rule in contract.rules}
    members = "".join(f'\n    {number} = "{number}"\n    """{title}"""\n' for number, title in titles.items())
    return f"""\
# ruff: noqa: E501 - the titles are the contract's
\"\"\"A symbol for each numbered rule, made from openapi.yaml by `nox -s generate`. Do not edit.\"\"\"

from enum import StrEnum


class RuleId(StrEnum):
    \"\"\"The rules of the project's contract, with their titles.\"\"\"
{members}"""


def _clients(contract: Contract) -> dict[Path, str]:
    try:
        written = sync_client.asynchronous(ASYNC_CLIENT.read_text("utf-8"), contract)
        made = sync_client.synchronous(written)
    except sync_client.ClientError as error:
        line = f":{error.line}" if error.line else ""
        raise GenerationError(f"{ASYNC_CLIENT.relative_to(ROOT)}{line}: {error}") from None
    return {ASYNC_CLIENT: _formatted(ASYNC_CLIENT, written), SYNC_CLIENT: _formatted(SYNC_CLIENT, made)}


def _formatted(path: Path, text: str) -> str:
    """The text of a file as the project's formatter has it."""
    command = [str(_ruff()), "format", "--stdin-filename", str(path), "-"]
    done = subprocess.run(command, input=text, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise GenerationError(f"{path.relative_to(ROOT)}: ruff says:\n{done.stderr}".rstrip())
    return done.stdout


def _ruff() -> Path:
    """The formatter that is installed with this interpreter.

    Raises:
        GenerationError: There is none.
    """
    found = shutil.which("ruff", path=str(Path(sys.executable).parent))
    if found is None:
        raise GenerationError(f"ruff is not installed beside {sys.executable}; use `{FIX}`, which installs it")
    return Path(found)


def _template(name: str, line: str) -> str:
    """The generator's own template of a name, with ours inserted before a line of it.

    Raises:
        GenerationError: It does not have the line exactly once.
    """
    generator = importlib.util.find_spec("openapi_python_client")
    if generator is None or generator.origin is None:
        raise GenerationError(f"openapi-python-client is not installed; use `{FIX}`, which installs it")
    text = (Path(generator.origin).parent / "templates" / name).read_text("utf-8")
    if text.count(line) != 1:
        raise GenerationError(
            f"the template {name} of openapi-python-client has the line {line.strip()!r} {text.count(line)} times, "
            f"not once; adapt INSERT_BEFORE in generated/{Path(__file__).name} and generated/templates/{name}"
        )
    return text.replace(line, (TEMPLATES / name).read_text("utf-8") + line)


def files(package: Path) -> dict[str, bytes]:
    """Every file of a package by its path within it, byte code aside."""
    return {
        str(path.relative_to(package)): path.read_bytes()
        for path in sorted(package.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    }


def differences(committed: Path, made: Path) -> list[str]:
    """A line for each file that differs, in the order of their names."""
    old, new = files(committed), files(made)
    lines = []
    for name in sorted(old.keys() | new.keys()):
        if name not in old:
            lines.append(f"missing   {name}")
        elif name not in new:
            lines.append(f"left over {name}")
        elif old[name] != new[name]:
            lines.append(f"differs   {name}")
    return lines


def main(argv: list[str] | None = None) -> int:
    """Run the command. Returns the exit status: 0 done or no difference, 1 differences, 2 it can't be made."""
    parser = argparse.ArgumentParser(
        description="Generate the client, the compiled contract, the symbols of its rules and the SDK's clients."
    )
    parser.add_argument("--check", action="store_true", help="change nothing; fail where what is committed differs")
    options = parser.parse_args(argv)
    # Made beside its place: a failing generator leaves the committed client alone, and the swap is two renames.
    with tempfile.TemporaryDirectory(prefix="generating-", dir=HERE) as scratch:
        try:
            beside = texts(CONTRACT)
            made = generate(CONTRACT, Path(scratch))
        except (ContractError, GenerationError) as error:
            print(f"error: {error}", file=sys.stderr)
            return 2
        drift = differences(PACKAGE, made)
        changed = [path for path, text in beside.items() if not path.exists() or path.read_text("utf-8") != text]
        drift += [f"differs   {path.relative_to(ROOT)}" for path in changed]
        if options.check:
            if drift:
                print("\n".join(drift))
                print(f"the committed files are not what {CONTRACT.relative_to(ROOT)} generates; fix it with: {FIX}")
                return 1
            print("the committed files are what the contract generates")
            return 0
        if PACKAGE.exists():
            PACKAGE.rename(Path(scratch) / "before")
        made.rename(PACKAGE)
        for path in changed:
            new = Path(scratch) / path.name
            new.write_text(beside[path], "utf-8")
            new.replace(path)
    print("\n".join(drift) or "nothing changed")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
