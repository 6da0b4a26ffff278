"""Whether a contract can be released with a number, and the files of a release. It writes files."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from octopusx_video_openapi import Contract, ContractError
from octopusx_video_openapi.document import Json

from octopusx_video_compat import releases
from octopusx_video_compat.releases import CONTRACT, EXAMPLES, FILES, HASHES, RECORDING, USAGE
from octopusx_video_compat.reports import Result
from octopusx_video_compat.usage import unused

HOME = releases.RELEASES.parent
CHANGELOG = HOME / releases.CHANGELOG
_NAMED = 5
"""The most files that an error names."""


def check(result: Result, version: str, contract: Contract, home: Path = HOME) -> Path:
    """The folder of a new release.

    Args:
        result: The comparison with the last release.
        version: The number of the new release.
        contract: The contract that is released.
        home: The folder with the releases, the changelog and the typed usage examples.

    Raises:
        ContractError: The number is not that of the contract, or does not fit what changed; there is such a release;
            the changelog has no entry for it; the usage examples leave out a part of the client; or files are not
            committed.
    """
    path, line = contract.path, contract.line("info", "version")
    target = home / releases.RELEASES.name / version
    wanted = releases.number(version, target)
    if target.exists():
        raise ContractError.at(target, None, "is there already; a release never changes, so take another number")
    if wanted != result.new:
        raise ContractError.at(path, line, f"has the version {result.new}, not {wanted}; set info.version to {wanted}")
    if wanted not in result.fitting:
        what = f"{wanted} does not fit: what changed since {result.old} is {result.version or 'nothing'}"
        raise ContractError.at(path, line, f"{what}; release {' or '.join(map(str, result.fitting))}")
    changelog = home / releases.CHANGELOG
    if version not in [entry for _, entry in releases.entries(changelog)]:
        raise ContractError.at(changelog, None, f'has no entry for {version}; write one under "## {version}"')
    names = unused(home / USAGE, contract)
    if names:
        text = f"does not use {', '.join(names)} of the generated client, so no later release could tell what breaks"
        raise ContractError.at(home / USAGE, None, f"{text}; add a use of each")
    _require_clean(home)
    return target


def write(contract: Contract, path: Path, target: Path, recording: Json, usage: Path = HOME / USAGE) -> None:
    """Write the files of a release: all of them, or none.

    Args:
        contract: The contract.
        path: Its file.
        target: The folder of the release, which does not exist.
        recording: The messages of one session against the mock.
        usage: The typed usage examples.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".release-", dir=target.parent) as scratch:
        made = Path(scratch) / target.name
        made.mkdir()
        shutil.copy(path, made / CONTRACT)
        (made / EXAMPLES).write_text(_text(examples(contract)), "utf-8")
        (made / RECORDING).write_text(_text(recording), "utf-8")
        shutil.copy(usage, made / USAGE)
        hashes = {name: releases.sha256((made / name).read_bytes()) for name in FILES}
        (made / HASHES).write_text(_text(hashes), "utf-8")
        made.rename(target)


def examples(contract: Contract) -> dict[str, Any]:
    """Each example of a contract: by operation those of its request, and by status those of its responses."""
    return {
        operation.id: {
            "request": dict(operation.body_examples),
            "responses": {
                status: {name: value for media in response.media.values() for name, value in media.examples.items()}
                for status, response in operation.responses.items()
            },
        }
        for operation in contract.operations.values()
    }


def _require_clean(folder: Path) -> None:
    """Refuse where the repository has a file that is not committed, new files among them: what is generated may be."""
    command = ("git", "status", "--porcelain", "--untracked-files=all")
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        text = f"is in no git repository ({done.stderr.strip()}), so nothing says what is committed; release in a clone"
        raise ContractError.at(folder, None, text)
    changed = [line[3:] for line in done.stdout.splitlines()]
    if changed:
        more = f" and {len(changed) - _NAMED} more" if len(changed) > _NAMED else ""
        text = f"the repository has files that are not committed ({', '.join(changed[:_NAMED])}{more})"
        raise ContractError.at(folder, None, f"{text}; commit or remove them first")


def _text(value: Json) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2) + "\n"
