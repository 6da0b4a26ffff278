"""A file that appears when it is whole: written beside its place, and put there at the end."""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path

from octopusx_video._errors import DownloadError, NotSentError


class Part:
    """A file beside its place.

    Args:
        path: Its place.
        overwrite: Whether a file that stands there may be replaced.

    Raises:
        NotSentError: Nothing can be written there; the text says why.
    """

    def __init__(self, path: object, *, overwrite: bool) -> None:
        self.path = _path(path)
        self._overwrite = overwrite
        try:
            os.fsencode(self.path)  # what no system could name
            if self.path.is_dir():
                raise NotSentError(f"{self.path} is a folder; name a file in it")
            if not overwrite and os.path.lexists(self.path):
                text = "exists; name another file, or allow to replace it (overwrite=True, --overwrite)"
                raise NotSentError(f"{self.path} {text}")
            beside = self.path.with_name(f".octopusx-video-{secrets.token_hex(6)}.part")
            self._file = beside.open("xb", buffering=0)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or type(error).__name__
            raise NotSentError(f"{self.path} can't be written: {reason}; name a file in a folder of yours") from None
        self._beside: Path | None = beside
        self.size = 0
        self.beginning = b""

    def write(self, data: bytes) -> None:
        """Add bytes.

        Raises:
            OSError: They can't be written.
        """
        if len(self.beginning) < 12:
            self.beginning = (self.beginning + data)[:12]
        view = memoryview(data)
        while view:
            view = view[self._file.write(view) :]
        self.size += len(data)

    def restart(self) -> None:
        """Forget what was written."""
        self._file.seek(0)
        self._file.truncate()
        self.size = 0
        self.beginning = b""

    def commit(self) -> None:
        """Put the file in its place, whole.

        Raises:
            DownloadError: A file has appeared there meanwhile.
            OSError: It can't be put there.
        """
        if self._beside is None:
            return
        os.fsync(self._file.fileno())
        self._file.close()
        if self._overwrite:
            self._beside.replace(self.path)
        else:
            self._link()
        self._beside = None

    def _link(self) -> None:
        """Give it its name, unless another has it by now; a name that is taken is never lost to a race."""
        assert self._beside is not None  # noqa: S101 - for the type checker
        try:
            os.link(self._beside, self.path)
        except FileExistsError:
            raise DownloadError(f"{self.path} has appeared meanwhile and was not overwritten") from None
        except OSError:  # a file system without links
            if os.path.lexists(self.path):
                raise DownloadError(f"{self.path} has appeared meanwhile and was not overwritten") from None
            self._beside.rename(self.path)
        else:
            self._beside.unlink()

    def is_whole_mp4(self) -> bool:
        """Whether the boxes of an mp4 file follow one another to the very end (ISO/IEC 14496-12 section 4.2)."""
        assert self._beside is not None  # noqa: S101 - for the type checker
        at = 0
        with self._beside.open("rb") as file:
            while at < self.size:
                file.seek(at)
                head = file.read(16)
                size = int.from_bytes(head[:4]) if int.from_bytes(head[:4]) != 1 else int.from_bytes(head[8:16])
                if len(head) < 8 or not (size == 0 or size >= 8):
                    return False
                at = self.size if size == 0 else at + size
        return at == self.size and self.size > 0

    def discard(self) -> None:
        """Leave nothing behind, unless it is in its place."""
        with contextlib.suppress(OSError):
            self._file.close()
        if self._beside is not None:
            with contextlib.suppress(OSError):
                self._beside.unlink()
            self._beside = None


def check(path: object, *, overwrite: bool) -> None:
    """See whether a file can be written, before anything is paid for.

    Raises:
        NotSentError: It can't.
    """
    Part(path, overwrite=overwrite).discard()


def _path(path: object) -> Path:
    if not isinstance(path, str | os.PathLike):
        raise NotSentError(f"path is of type {type(path).__name__}; give the name of a file")
    text = os.fspath(path)
    if not isinstance(text, str) or not Path(text).name or "\0" in text:
        raise NotSentError(f"path: {text!r} is no name of a file; give one as text")
    return Path(text)
