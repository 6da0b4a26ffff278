"""The ids of tasks, which carry the tasks. Pure: no clock is read, nothing is stored.

The mock has no store. Whatever a response about a task depends on is in its id, under a digest that is keyed with a
secret and with the API key that made it: whoever has the secret can respond for every task, no other id is taken for
one, and with another API key a task is unknown.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import itertools
import os
import struct
import zlib
from collections.abc import Iterator

from octopusx_video_mock.tasks.task import Task

MAX_ID = 128
"""Characters of an id."""

_VERSION = 1
# version, operation, begun in milliseconds (48 bits), speed, seconds it lasts, seconds of video, faults, distinction
_HEAD = struct.Struct(">BHHIffdI6s")
_ECHO = struct.Struct(">HB")
_DIGEST = 16
_PADDING = (b"", b"\0\0", b"\0")
_MAX_KEYS = 256
_MAX_TASKS = 4096


class TaskIds:
    """Makes and reads the ids of tasks.

    Args:
        secret: Mocks that share it read each other's ids.
        echoes: The fields of a request that an id may carry.
        prefix: What an id begins with.
    """

    def __init__(self, secret: bytes, echoes: tuple[str, ...], prefix: str) -> None:
        self._prefix = prefix
        # What an id can hold, less the digest, the padding and the head of the echo itself.
        self._room_for_echoes = (MAX_ID - len(prefix)) * 3 // 4 - _DIGEST - 2 - _ECHO.size
        self._secret = hashlib.blake2b(secret, digest_size=64).digest()
        self._address_key = self._derived(b"address", b"")
        self._numbers = {name: _number(name) for name in echoes}
        self._echoes = {number: name for name, number in self._numbers.items()}
        self._keys: dict[str, hashlib.blake2b] = {}
        self._tasks: dict[tuple[str, str], Task] = {}

    def make(
        self,
        key: str,
        *,
        operation: int,
        begun: float,
        speed: float,
        lasts: float,
        length: float,
        faults: int,
        echoes: dict[str, str],
        distinction: bytes,
    ) -> Task:
        """A new task of this API key. ``distinction`` (six bytes) keeps it apart from others of the same moment.

        An echo that finds no room is left out, the longest first.
        """
        moment = max(0, int(begun * 1000)) & 0xFFFFFFFFFFFF  # rounded down: no task begins after its submit
        length = min(length, 1e15)
        high, low = moment >> 32, moment & 0xFFFFFFFF
        packed = _HEAD.pack(_VERSION, operation, high, low, speed, lasts, length, faults, distinction)
        kept: dict[str, str] = {}
        for name, text in sorted(echoes.items(), key=_length) if len(echoes) > 1 else echoes.items():
            data = text.encode("utf-8", "surrogatepass")
            if len(packed) + len(data) <= self._room_for_echoes:
                packed += _ECHO.pack(self._numbers[name], len(data)) + data
                kept[name] = text
        # Whole groups of three bytes, so that no bit of the last character is left to chance.
        packed += _PADDING[(len(packed) + _DIGEST) % 3]
        task_id = self._prefix + base64.urlsafe_b64encode(packed + self._digest(key, packed)).decode()
        return Task(task_id, operation, moment / 1000, speed, lasts, length, faults, kept)

    def read(self, task_id: str, key: str) -> Task | None:
        """The task of this id if this API key made it, else None."""
        # A task is read again and again while it is awaited.
        task = self._tasks.get((task_id, key))
        if task is None:
            raw = self._decoded(task_id)
            if raw is None or not hmac.compare_digest(raw[-_DIGEST:], self._digest(key, raw[:-_DIGEST])):
                return None
            task = self._unpacked(task_id, raw)
            if task is not None:
                if len(self._tasks) >= _MAX_TASKS:
                    self._tasks.clear()
                self._tasks[task_id, key] = task
        return task

    def signature(self, task_id: str) -> str:
        """What makes the address of this task's video unguessable."""
        digest = hashlib.blake2b(task_id.encode(), key=self._address_key, digest_size=15).digest()
        return base64.urlsafe_b64encode(digest).decode()

    def read_signed(self, task_id: str, signature: str) -> Task | None:
        """The task of this id if the signature is its own, whoever asks; None otherwise, and for a documented task."""
        if not self.is_signed(task_id, signature):
            return None
        raw = self._decoded(task_id)
        return None if raw is None else self._unpacked(task_id, raw)

    def is_signed(self, task_id: str, signature: str) -> bool:
        """Whether the signature is this id's."""
        return hmac.compare_digest(self.signature(task_id).encode(), signature.encode())

    def _unpacked(self, task_id: str, raw: bytes) -> Task | None:
        version, operation, high, low, speed, lasts, length, faults, _ = _HEAD.unpack_from(raw)
        if version != _VERSION:
            return None
        echoes = {}
        at, end = _HEAD.size, len(raw) - _DIGEST
        while at + _ECHO.size <= end:
            number, size = _ECHO.unpack_from(raw, at)
            at += _ECHO.size
            if number in self._echoes and size:
                echoes[self._echoes[number]] = raw[at : at + size].decode("utf-8", "surrogatepass")
            at += size
        return Task(task_id, operation, ((high << 32) | low) / 1000, speed, lasts, length, faults, echoes)

    def _decoded(self, task_id: str) -> bytes | None:
        text = task_id[len(self._prefix) :]
        # The decoder takes the other alphabet and padding as well; an id has one spelling.
        is_ours = task_id.startswith(self._prefix) and len(task_id) <= MAX_ID
        if not is_ours or len(text) % 4 or any(mark in text for mark in "+/="):
            return None
        try:
            raw = base64.b64decode(text, b"-_", validate=True)
        except (binascii.Error, ValueError):
            return None
        return raw if len(raw) >= _HEAD.size + _DIGEST else None

    def _digest(self, key: str, packed: bytes) -> bytes:
        keyed = self._keys.get(key)
        if keyed is None:
            if len(self._keys) >= _MAX_KEYS:
                self._keys.clear()
            derived = self._derived(b"task", key.encode())
            keyed = self._keys[key] = hashlib.blake2b(key=derived, digest_size=_DIGEST)
        digest = keyed.copy()
        digest.update(packed)
        return digest.digest()

    def _derived(self, purpose: bytes, data: bytes) -> bytes:
        return hashlib.blake2b(data, key=self._secret, person=purpose, digest_size=32).digest()


def _length(echo: tuple[str, str]) -> int:
    return len(echo[1])


def _number(name: str) -> int:
    return zlib.crc32(name.encode()) & 0xFFFF


def distinctions() -> Iterator[bytes]:
    """Six bytes again and again, none twice in this process, and hardly in another."""
    begin = int.from_bytes(os.urandom(6), "big")
    return ((number & 0xFFFFFFFFFFFF).to_bytes(6, "big") for number in itertools.count(begin))


def carried(number: float) -> float:
    """A speed or a time as an id carries it, in 32 bits."""
    found: float = struct.unpack("f", struct.pack("f", number))[0]
    return found
