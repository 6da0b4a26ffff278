"""The released contracts, each in a folder of its own with the hash of each of its files. It reads files.

A release has ``openapi.yaml`` as it was, ``examples.json`` with each of its examples, ``recording.json`` with the
messages of one session against the mock, ``usage.py`` with programs that use the generated client, and ``hashes.json``
with the SHA-256 of the others.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Final, NamedTuple

from octopusx_video_openapi import Contract, ContractError
from octopusx_video_openapi.checking import usable
from octopusx_video_openapi.house import VERSION
from octopusx_video_openapi.reading import read

from octopusx_video_compat.difference import Version

RELEASES: Final = Path(__file__).resolve().parents[1] / "releases"
CONTRACT: Final = "openapi.yaml"
EXAMPLES: Final = "examples.json"
RECORDING: Final = "recording.json"
USAGE: Final = "usage.py"
HASHES: Final = "hashes.json"
CHANGELOG: Final = "CHANGELOG.md"
FILES: Final = (CONTRACT, EXAMPLES, RECORDING, USAGE)


class Number(NamedTuple):
    """The number of a version, by semantic versioning."""

    major: int
    minor: int
    patch: int

    def __str__(self) -> str:
        """The number as it is written."""
        return ".".join(map(str, self))

    def after(self, version: Version) -> Number:
        """The least number after this one that says that a version is needed."""
        if version == "major":
            return Number(self.major + 1, 0, 0)
        return Number(self.major, self.minor + 1, 0) if version == "minor" else self._replace(patch=self.patch + 1)


def number(text: str, path: Path, line: int | None = None) -> Number:
    """The number that a text is, which stands in a line of a file or is the name of the file.

    Raises:
        ContractError: It is no version.
    """
    found = VERSION.fullmatch(text)
    if found is None:
        raise ContractError.at(path, line, f'"{text}" is not a version; write three numbers such as 1.2.0')
    return Number(*map(int, found.groups()))


def released(folder: Path = RELEASES) -> list[Path]:
    """The folders of the releases, the oldest first.

    Raises:
        ContractError: There is none, one is not called as a version is, or one is missing that the changelog has.
    """
    found = dict(sorted((number(one.name, one), one) for one in folder.glob("*") if one.is_dir()))
    if not found:
        raise ContractError.at(folder, None, "has no release; restore the folder")
    changelog = folder.parent / CHANGELOG
    # The first entry may be that of the next release.
    for line, version in entries(changelog)[1:] if changelog.exists() else ():
        if version not in map(str, found):
            text = f"has an entry for {version}, and there is no such release; restore {folder / version}"
            raise ContractError.at(changelog, line, text)
    return list(found.values())


def entries(changelog: Path) -> list[tuple[int, str]]:
    """The versions of which a changelog has an entry, in its order, each with the line of its heading."""
    lines = enumerate(changelog.read_text("utf-8").splitlines(), start=1)
    return [(number, line.removeprefix("## ")) for number, line in lines if line.startswith("## ")]


def newest(folder: Path = RELEASES) -> Path:
    """The folder of the last release.

    Raises:
        ContractError: There is no release, or a file of it is not what was released.
    """
    last = released(folder)[-1]
    check(last)
    return last


def around(path: Path) -> Path | None:
    """The folder of the release that a file is the contract of; None where it is that of none.

    Raises:
        ContractError: A file of the release is not what was released.
    """
    folder = path.resolve().parent
    if path.name != CONTRACT or not (folder / HASHES).exists():
        return None
    check(folder)
    return folder


def check(release: Path) -> None:
    """Refuse a release of which a file is not what was released.

    Raises:
        ContractError: A file is missing or was edited, or the folder has another name than its contract.
    """
    hashes = _hashes(release / HASHES)
    for name in FILES:
        try:
            made = sha256((release / name).read_bytes())
        except OSError:
            raise ContractError.at(release / name, None, "is missing; restore it, a release never changes") from None
        if made != hashes.get(name):
            text = f"was edited: its SHA-256 is {made[:12]}… and was {hashes.get(name, '')[:12]}…; restore it"
            raise ContractError.at(release / name, None, text)
    version = contract(release / CONTRACT).version
    if version != release.name:
        raise ContractError.at(release / CONTRACT, None, f"has the version {version}, not that of its folder")


def _hashes(path: Path) -> dict[str, str]:
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError):
        found = None
    if not isinstance(found, dict) or not all(isinstance(one, str) for one in found.values()):
        raise ContractError.at(path, None, "is missing or damaged; restore it, a release never changes")
    return found


def contract(path: Path) -> Contract:
    """The contract of a released file. Its vocabulary is not tested: that of today may be another.

    Raises:
        ContractError: The file is no contract; it has a line for each problem.
    """
    return usable(read(path))


def sha256(content: bytes) -> str:
    """The SHA-256 of some bytes, in hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()
