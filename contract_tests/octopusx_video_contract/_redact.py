"""Keeps the API key out of everything that a run writes."""

from __future__ import annotations

from typing import Any, TextIO, cast

import pytest

HIDDEN = "[key]"


class Redactor:
    """Replaces the key in text, in streams and in pytest's reports (from which JUnit is made).

    The key is checked to be one unbroken run of plain characters before (see the command), so it can't hide behind
    an escape or a line break. A server can send it back in a body or a header; that is covered as well.
    """

    def __init__(self, key: str) -> None:
        self._key = key

    def text(self, text: str) -> str:
        """The text without the key."""
        return text.replace(self._key, HIDDEN)

    def stream(self, stream: TextIO) -> TextIO:
        """A stream that writes to this one, without the key."""
        return cast("TextIO", _Stream(stream, self))

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Called by pytest with each outcome, before any reporter sees it."""
        if self._key in str(report.longrepr):
            report.longrepr = self.text(str(report.longrepr))
        report.sections = [(name, self.text(content)) for name, content in report.sections]


class _Stream:
    def __init__(self, stream: TextIO, redactor: Redactor) -> None:
        self._stream = stream
        self._redactor = redactor

    def write(self, text: str) -> int:
        self._stream.write(self._redactor.text(text))
        return len(text)

    def writelines(self, lines: Any) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
