"""Whether a contract can be released with a number, and the files of a release. It writes files."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from octopusx_video_openapi import Contract, ContractError, contract_path
from octopusx_video_openapi.document import Json

from octopusx_video_compat import releases
from octopusx_video_compat.releases import CONTRACT, EXAMPLES, FILES, HASHES, RECORDING
from octopusx_video_compat.reports import Result

CHANGELOG = releases.RELEASES.parent / "CHANGELOG.md"


def check(result: Result, version: str, folder: Path = releases.RELEASES, changelog: Path = CHANGELOG) -> Path:
    """The folder of a new release.

    Args:
        result: The comparison with the last release.
        version: The number of the new release.
        folder: Where the releases are.
        changelog: The file with an entry for each release.

    Raises:
        ContractError: The number is not that of the contract, or does not fit what changed; there is such a release;
            the changelog has no entry for it; or files are not committed.
    """
    path = contract_path()
    wanted = releases.number(version, path)
    target = folder / version
    if target.exists():
        raise ContractError.at(target, None, "is there already; a release never changes, so take another number")
    if wanted != result.new:
        raise ContractError.at(path, None, f"has the version {result.new}, not {wanted}; set info.version to {wanted}")
    fitting = [result.old.after(kind) for kind in ("patch", "minor", "major")]
    fitting = [one for one in fitting if one >= result.least]
    if wanted not in fitting:
        what = f"{wanted} does not fit: what changed since {result.old} is {result.version or 'nothing'}"
        raise ContractError.at(path, None, f"{what}; release {' or '.join(map(str, fitting))}")
    heading = f"## {version}"
    if heading not in changelog.read_text("utf-8").splitlines():
        raise ContractError.at(changelog, None, f'has no entry for {version}; write one under "{heading}"')
    _require_clean(path.parent)
    return target


def write(contract: Contract, path: Path, target: Path, recording: Json) -> None:
    """Write the files of a release: all of them, or none.

    Args:
        contract: The contract.
        path: Its file.
        target: The folder of the release, which does not exist.
        recording: The messages of one session against the mock.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".release-", dir=target.parent) as scratch:
        made = Path(scratch) / target.name
        made.mkdir()
        shutil.copy(path, made / CONTRACT)
        (made / EXAMPLES).write_text(_text(examples(contract)), "utf-8")
        (made / RECORDING).write_text(_text(recording), "utf-8")
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
    command = ("git", "status", "--porcelain", "--untracked-files=no")
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode != 0 or done.stdout.strip():
        changed = ", ".join(line[3:] for line in done.stdout.splitlines()) or "no repository"
        raise ContractError.at(folder, None, f"has files that are not committed ({changed}); commit them first")


def _text(value: Json) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2) + "\n"
