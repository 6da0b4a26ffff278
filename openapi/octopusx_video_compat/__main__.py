"""Compare the contract with its last release: ``nox -s compat [-- --base FILE]``.

Exit status: 0 compatible, or the number of the contract says what breaks; 1 it breaks somebody and the number does not
say so; 2 the contracts can't be compared.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from octopusx_video_openapi import Contract, ContractError, contract_path, house, load
from octopusx_video_openapi.checking import checked
from octopusx_video_openapi.reading import read

from octopusx_video_compat import releases
from octopusx_video_compat.comparison import compared
from octopusx_video_compat.recordings import of_recording
from octopusx_video_compat.reports import FORMATS, Result
from octopusx_video_compat.usage import of_usage


def main(arguments: list[str] | None = None) -> int:
    """Run the command, and return the exit status."""
    parser = argparse.ArgumentParser(prog="nox -s compat --", description="Compare the contract with its last release.")
    parser.add_argument("file", nargs="?", type=Path, help="the contract [default: openapi/openapi.yaml]")
    parser.add_argument("--base", type=Path, help="the contract to compare it with [default: that of the last release]")
    parser.add_argument("--format", choices=[*FORMATS], default="text", help="how the result is written")
    parser.add_argument("--check", action="store_true", help="only test that each release is what was released")
    options = parser.parse_args(arguments)
    try:
        if options.check:
            for folder in releases.released():
                releases.check(folder)
            print("every release is what was released")
            return 0
        found = result(options.base, options.file)
    except ContractError as error:
        print(error, file=sys.stderr)
        return 2
    print(FORMATS[options.format](found))
    return 0 if found.is_said else 1


def result(base: Path | None = None, file: Path | None = None) -> Result:
    """The comparison of two files: of the contract with that of the last release, where none is named.

    With a release, its recording and its usage examples are held against the contract as well.

    Raises:
        ContractError: One of them is no contract, has no version, or they can't be compared.
    """
    file = file or contract_path()
    new = _contract(file)
    release = releases.newest() if base is None else releases.around(base)
    old = releases.contract(release / releases.CONTRACT) if release else load(base)
    base = old.path
    is_same_text = base.read_bytes() == file.read_bytes()
    differences = [] if is_same_text else compared(old, new)
    if release and not is_same_text:
        more = [*of_recording(release, old, new, differences), *of_usage(release, old, new, differences)]
        differences += [one._replace(file=_shown(one.file)) for one in more if one.file]
    return Result(
        base=_shown(base),
        file=_shown(file),
        old=_number(old),
        new=_number(new),
        differences=differences,
        is_same_text=is_same_text,
    )


def _contract(path: Path) -> Contract:
    """The contract of a file, which can be compared."""
    document = read(path)
    contract = checked(document)
    problems = house.incomparable(document)
    if problems:
        raise ContractError.of(path, problems)
    return contract


def _number(contract: Contract) -> releases.Number:
    return releases.number(contract.version, contract.path, contract.line("info", "version"))


def _shown(path: Path) -> Path:
    """A file as it is named from where the command runs."""
    return Path(os.path.relpath(path))


if __name__ == "__main__":
    sys.exit(main())
