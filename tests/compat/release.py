"""Release the contract: ``nox -s release -- X.Y.Z``. It stands with the tests since it needs the mock for a recording.

Exit status: 0 the release was written, 2 it can't be; then nothing was written.
"""

from __future__ import annotations

import sys

from octopusx_video_compat import release
from octopusx_video_compat.__main__ import result
from octopusx_video_openapi import ContractError, contract_path, load

from tests.compat.recording import recorded


def main(arguments: list[str]) -> int:
    """Write the release that the argument names, and return the exit status."""
    try:
        (version,) = arguments
    except ValueError:
        print("name one version, as in: nox -s release -- 1.1.0", file=sys.stderr)
        return 2
    try:
        contract = load(contract_path())
        target = release.check(result(), version, contract)
        load()  # the mock serves the compiled contract, which may be that of another one
        release.write(contract, contract.path, target, recorded(contract))
    except ContractError as error:
        print(error, file=sys.stderr)
        return 2
    print(f"openapi/releases/{version} written; commit it")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
