"""What a hostile campaign has sent and found, and what of it is shown."""

from __future__ import annotations

import collections
import sys
import time

MOST_KINDS = 20
"""How many kinds of findings are told apart."""


class Report:
    """Counts what was sent, and groups what was found by its kind.

    Args:
        key: What is never shown.
    """

    def __init__(self, key: str) -> None:
        self._key = key.encode()
        self._began = time.monotonic()
        self.sent = 0
        self.endings: collections.Counter[str] = collections.Counter()
        self.kinds: collections.Counter[str] = collections.Counter()

    @property
    def findings(self) -> int:
        """How often something was wrong."""
        return self.kinds.total()

    def add(self, kind: str, fault: str) -> bool:
        """Note a finding. Whether it is the first of its kind, which is shown."""
        name = f"{kind}: {fault.splitlines()[0][:70]}"
        if name not in self.kinds and len(self.kinds) >= MOST_KINDS:
            name = "of other kinds"
        self.kinds[name] += 1
        first = self.kinds[name] == 1
        if first:
            say(f"FINDING {kind}: {fault}")
        return first

    def add_request(self, kind: str, fault: str, number: int, raw: bytes, answer: bytes) -> None:
        """Note a finding about the answer to a request, and show both."""
        if self.add(kind, fault):
            say(f"  request {number} (--only {number}): {self.shown(raw)}\n  answer: {self.shown(answer)}")

    def progress(self) -> str:
        """How far it is, in a line."""
        rate = self.sent / (time.monotonic() - self._began)
        return f"{self.sent} sent, {rate:.0f} per second, {self.findings} findings"

    def summary(self) -> str:
        """How often each kind was found, and what came of the requests."""
        lines = [f"{count:7} x {name}" for name, count in self.kinds.most_common()]
        endings = ", ".join(f"{name} {count}" for name, count in self.endings.most_common())
        return "\n".join([*lines, f"answers: {endings}"])

    def shown(self, raw: bytes) -> str:
        """Bytes as a line, shortened and without the key."""
        raw = raw.replace(self._key, b"[key]")
        return repr(raw) if len(raw) <= 1000 else f"{raw[:700]!r} ... {raw[-100:]!r} ({len(raw)} bytes)"


def say(text: str) -> None:
    """Write on stderr."""
    sys.stderr.write(f"{text}\n")
