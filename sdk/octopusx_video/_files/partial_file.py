"""A file that appears when it is whole: written beside its place, and put there at the end."""

from __future__ import annotations

import contextlib
import filecmp
import itertools
import os
import secrets
import stat
from pathlib import Path

from octopusx_video._errors import DownloadError, NotSentError
from octopusx_video._files import mp4

REJECTED = ".rejected"
"""Ends the name of a file that holds a response which is no complete video, beside the target."""


class PartialFile:
    """A file beside its place.

    Args:
        path: Its place.
        overwrite: Whether a file that stands there may be replaced.

    Raises:
        NotSentError: Nothing can be written there; the text says why.
    """

    def __init__(self, path: object, *, overwrite: bool) -> None:
        self.path = _path(path)
        self.rejected: Path | None = None
        self._overwrite = overwrite
        try:
            _check_free(self.path, overwrite=overwrite)
            # A link keeps its name, and the file that it leads to is replaced.
            self._place = Path(os.path.realpath(self.path)) if self.path.is_symlink() else self.path
            self._begin()
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or type(error).__name__
            advice = "name a file in an existing, writable directory"
            raise NotSentError(f"{self.path} can't be written: {reason}", advice=advice) from None

    def _begin(self) -> None:
        beside = self._place.with_name(f".octopusx-video-{secrets.token_hex(6)}.part")
        self._file = beside.open("x+b", buffering=0)
        self._beside: Path | None = beside
        self.size = 0

    def write(self, data: bytes) -> None:
        """Add bytes.

        Raises:
            OSError: They can't be written.
        """
        view = memoryview(data)
        while view:
            view = view[self._file.write(view) :]
        self.size += len(data)

    def restart(self) -> None:
        """Forget what was written."""
        self._file.seek(0)
        self._file.truncate()
        self.size = 0

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
        self._take_place(self._beside)
        self._beside = None
        if self.rejected is not None:
            self.rejected.unlink(missing_ok=True)
            self.rejected = None

    def commit_rejected(self) -> None:
        """Put what was rejected in its place all the same.

        Raises:
            DownloadError: A file has appeared there meanwhile.
            OSError: It can't be put there.
        """
        assert self.rejected is not None  # noqa: S101 - for the type checker
        self._take_place(self.rejected)
        self.rejected = None

    def reject(self) -> None:
        """Keep what was written beside the place, under the place's name and ``.rejected``; the largest of several.

        Raises:
            OSError: It can't be kept.
        """
        if self._beside is None or not self.size:
            return
        self._file.close()
        if self.rejected is not None and self.rejected.stat().st_size >= self.size:
            self._beside.unlink()
        else:
            if self.rejected is not None:
                self.rejected.unlink(missing_ok=True)
            self.rejected = self._beside.replace(_name_beside(self.path, self._beside))
        self._begin()

    def _take_place(self, file: Path) -> None:
        if self._overwrite:
            file.replace(self._place)
        else:
            self._link(file)

    def _link(self, file: Path) -> None:
        """Give a file its name, unless another has it by now; a name that is taken is never lost to a race."""
        try:
            os.link(file, self._place)
        except FileExistsError:
            raise DownloadError(f"{self.path} has appeared meanwhile and was not overwritten") from None
        except OSError:  # a file system without links
            if os.path.lexists(self.path):
                raise DownloadError(f"{self.path} has appeared meanwhile and was not overwritten") from None
            file.rename(self._place)
        else:
            file.unlink()

    def incomplete(self, *, has_ended: bool = True) -> mp4.Incomplete | None:
        """What keeps it from being a complete mp4 file; None where it is one. See ``mp4.incomplete``."""
        try:
            return mp4.incomplete(self._file, self.size, has_ended=has_ended)
        finally:
            self._file.seek(self.size)  # where the next bytes belong

    def discard(self, *, keeps_rejected: bool = False) -> None:
        """Leave nothing behind, unless it is in its place; what was rejected only where somebody is to know of it."""
        if self.rejected is not None and not keeps_rejected:
            with contextlib.suppress(OSError):
                self.rejected.unlink()
            self.rejected = None
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
    PartialFile(path, overwrite=overwrite).discard()


def _check_free(path: Path, *, overwrite: bool) -> None:
    """See whether a name may be taken.

    Raises:
        NotSentError: It is a directory's, or a file's that must stay.
        OSError, ValueError: No file can have it, for example since it is too long.
    """
    os.fsencode(path)  # what no system could name
    try:
        # Asked by itself: Python 3.14's is_dir answers False for a name that is too long.
        kind = os.lstat(path).st_mode
    except FileNotFoundError:
        return
    if stat.S_ISDIR(kind) or path.is_dir():
        raise NotSentError(f"{path} is a directory", advice="name a file in it")
    if path.exists() and not path.is_file():
        raise NotSentError(f"{path} is a device or a pipe", advice="name an ordinary file")
    if not overwrite:
        raise NotSentError(f"{path} exists", advice="name another file, or pass overwrite=True to replace it")


def _name_beside(path: Path, file: Path) -> Path:
    """A name for a file that is no complete video, beside the place of the video.

    A free one, or that of a file with the same bytes, which an earlier download left: what exists is never lost.
    """
    longest = os.pathconf(path.parent, "PC_NAME_MAX") if hasattr(os, "pathconf") else 255
    for number in itertools.count(1):
        end = REJECTED if number == 1 else f"{REJECTED}-{number}"
        name = path.with_name(f"{os.fsdecode(os.fsencode(path.name)[: longest - len(end)])}{end}")
        if not os.path.lexists(name) or (name.is_file() and filecmp.cmp(name, file, shallow=False)):
            return name
    raise AssertionError  # numbers have no end


def _path(path: object) -> Path:
    if not isinstance(path, str | os.PathLike):
        raise NotSentError(f"path is of type {type(path).__name__}; give the name of a file")
    text = os.fspath(path)
    if isinstance(text, str) and text.endswith(os.sep):
        raise NotSentError(f"path: {text!r} names a directory", advice="name a file in it")
    if not isinstance(text, str) or not Path(text).name or "\0" in text:
        raise NotSentError(f"path: {text!r} is not the name of a file; give one as text")
    return Path(text)
