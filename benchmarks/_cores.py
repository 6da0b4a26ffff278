"""A share of a core for a process, as a small machine has it: by a control group of Linux, which takes root."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

_ROOT = Path("/sys/fs/cgroup")
_PERIOD = 20_000
"""Microseconds after which a share begins anew; short, so that no process waits for long."""
_NAME = "octopusx-bench"

Limit = Callable[[int], None]


@contextlib.contextmanager
def limited(cores: float) -> Iterator[Limit | None]:
    """While the block lasts, a function that gives a process, by its number, so many cores at most.

    Each call gives a share of its own. None where this process may not do that. The processes have to end before the
    block does.
    """
    made: list[Path] = []

    def limit(process: int) -> None:
        folder = _made(cores, len(made))
        made.append(folder)
        (folder / "cgroup.procs").write_text(str(process), "ascii")

    try:
        try:
            _made(cores, 0).rmdir()
        except OSError:
            yield None
        else:
            yield limit
    finally:
        for folder in made:
            with contextlib.suppress(OSError):  # a process of it still runs
                folder.rmdir()


def _made(cores: float, number: int) -> Path:
    """A group with a share, in the first or the second version of control groups.

    Raises:
        OSError: It can't be made.
    """
    quota = int(cores * _PERIOD)
    is_first = (_ROOT / "cpu").is_dir()
    folder = (_ROOT / "cpu" if is_first else _ROOT) / f"{_NAME}-{number}"
    folder.mkdir(exist_ok=True)
    try:
        if is_first:
            (folder / "cpu.cfs_period_us").write_text(str(_PERIOD), "ascii")
            (folder / "cpu.cfs_quota_us").write_text(str(quota), "ascii")
        else:
            (folder / "cpu.max").write_text(f"{quota} {_PERIOD}", "ascii")
    except OSError:
        folder.rmdir()
        raise
    return folder
