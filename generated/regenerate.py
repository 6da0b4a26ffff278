"""Make the client from the contract, or check that the committed one is what the contract gives.

python generated/regenerate.py            # nox -s generate
python generated/regenerate.py --check    # nox -s drift; exit status 1 where they differ
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
CONTRACT = ROOT / "openapi" / "openapi.yaml"
PACKAGE = HERE / "octopusx_video_client"
MEND = "nox -s generate"


class GenerationError(Exception):
    """The generator can't make a client of the contract. The text is what it said."""


def generate(contract: Path, folder: Path) -> Path:
    """Make the client of a contract in a folder and return the package.

    Raises:
        GenerationError: The generator failed or warned, or its formatter is missing.
    """
    package = folder / PACKAGE.name
    tools = Path(sys.executable).parent
    # Without its formatter the generator only says so, and gives other bytes.
    if shutil.which("ruff", path=str(tools)) is None:
        raise GenerationError(f"ruff is not installed beside {sys.executable}; use `{MEND}`, which installs it")
    command = [sys.executable, "-m", "openapi_python_client", "generate", "--meta", "none", "--fail-on-warning"]
    command += ["--path", str(contract), "--config", str(HERE / "generator.yaml"), "--output-path", str(package)]
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
    parser = argparse.ArgumentParser(description="Make the client from the contract.")
    parser.add_argument("--check", action="store_true", help="change nothing; fail where the committed client differs")
    options = parser.parse_args(argv)
    # Made beside its place: a failing generator leaves the committed client alone, and the swap is two renames.
    with tempfile.TemporaryDirectory(prefix="generating-", dir=HERE) as scratch:
        try:
            made = generate(CONTRACT, Path(scratch))
        except GenerationError as error:
            print(f"error: {error}", file=sys.stderr)
            return 2
        drift = differences(PACKAGE, made)
        if options.check:
            if drift:
                print("\n".join(drift))
                print(f"the client is not what {CONTRACT.relative_to(ROOT)} gives; mend it with: {MEND}")
                return 1
            print("the client is what the contract gives")
            return 0
        if PACKAGE.exists():
            PACKAGE.rename(Path(scratch) / "before")
        made.rename(PACKAGE)
    print("\n".join(drift) or "nothing changed")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
