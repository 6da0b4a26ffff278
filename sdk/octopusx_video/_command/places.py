"""Where the ledger of a batch is: in a folder, or in a database."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from octopusx_video._command.console import command_line
from octopusx_video._errors import NotSentError

if TYPE_CHECKING:
    from octopusx_video.batch import Batch


class Place(NamedTuple):
    """Where the ledger of a batch is.

    Attributes:
        folder: The folder of the batch, or of the videos of one in a database.
        db: The URL of the database; None for a batch in a folder.
        name: The name of the batch in the database.
    """

    folder: str | None
    db: str | None = None
    name: str | None = None

    def batch(self, jobs: Any = None, **options: Any) -> Batch:
        """The batch, for a program.

        Raises:
            NotSentError: Something can't be used, or the extra for databases is not installed.
        """
        from octopusx_video.batch import Batch  # noqa: PLC0415 - brings SQLite

        if self.db is None:
            options.pop("worker", None)
            return Batch(jobs, **{"out": self.folder, **options})
        assert self.name is not None  # noqa: S101 - checked with the options
        check_text("--db", self.db, "a URL has none")
        if self.folder is not None:
            check_text("--out", str(Path(self.folder).absolute()), "the ledger keeps the whole path as text")
        batch: Batch = distributed().DistributedBatch(
            jobs, db=self.db, name=self.name, **{"out": self.folder, **options}
        )

        return batch

    @property
    def words(self) -> str:
        """What names it in a command."""
        if self.db is None:
            return shlex.quote(self.folder or ".")
        return f"--db {shlex.quote(self.db)} --name {self.name}"


def is_database(place: str) -> bool:
    """Whether the place of a ledger is a URL, and no folder."""
    return "://" in place


def check_text(name: str, value: str, reason: str) -> None:
    """Refuse a word of the command line whose bytes are not UTF-8, where it has to be text.

    Raises:
        NotSentError: They are not.
    """
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        raise NotSentError(
            f"{name}: {command_line([value])} has bytes that are not UTF-8; {reason}", advice="give it in UTF-8"
        ) from None


def distributed() -> Any:
    """The module of batches in a database.

    Raises:
        NotSentError: It is not installed.
    """
    try:
        from octopusx_video import distributed as module  # noqa: PLC0415 - brings an engine and PostgreSQL
    except ImportError as error:
        raise NotSentError(
            f"a batch in a database needs what is not installed ({error.name or error})",
            advice="run: pip install 'octopusx-video[distributed]'",
        ) from None
    return module
