"""The mock's command as a process of its own, for campaigns that look at it from outside."""

from __future__ import annotations

import contextlib
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

START_SECONDS = 60
STOP_SECONDS = 10
_ADDRESS = re.compile(r" on http://([0-9.]+):([0-9]+)")
_MEMORY = re.compile(r"^Vm(RSS|HWM):\s+([0-9]+) kB$", re.MULTILINE)


class MockProcess:
    """A running mock: where it listens, what it wrote, how large it is."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self._process = process
        self._log = log
        self.host, self.port = self._address()

    def _address(self) -> tuple[str, int]:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self.status is None:
            found = _ADDRESS.search(self.output())
            if found:
                return found[1], int(found[2])
            time.sleep(0.05)
        raise SystemExit(f"the mock does not start: {self.output() or 'it says nothing'}")

    @property
    def pid(self) -> int:
        """The number of its process."""
        return self._process.pid

    @property
    def status(self) -> int | None:
        """Its exit status, or None while it runs."""
        return self._process.poll()

    def output(self) -> str:
        """All that it has written so far."""
        return self._log.read_text("utf-8", "replace")

    def memory(self) -> dict[str, float]:
        """Its resident memory in megabytes: ``RSS`` now, ``HWM`` at most so far; nothing where that can't be known."""
        try:
            text = Path(f"/proc/{self.pid}/status").read_text("ascii")
        except OSError:
            return {}
        return {name: int(kilobytes) / 1024 for name, kilobytes in _MEMORY.findall(text)}

    def stop(self) -> int | None:
        """Ask it to end with SIGTERM. Its exit status, or None where it had to be killed."""
        self._process.terminate()
        try:
            return self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            return None


@contextlib.contextmanager
def mock_process(*options: str) -> Iterator[MockProcess]:
    """``octopusx-video-mock`` on a free port while the block lasts.

    Raises:
        SystemExit: It does not start; what it wrote is the text.
    """
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log"
        with log.open("wb") as file:
            # A session of its own: Ctrl-C is for the campaign, which then stops the mock.
            process = subprocess.Popen(
                [sys.executable, "-m", "octopusx_video_mock", "--port", "0", *options],
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                start_new_session=True,
            )
        try:
            mock = MockProcess(process, log)
            yield mock
        finally:
            if process.poll() is None:
                process.terminate()
                try:
                    process.wait(STOP_SECONDS)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
