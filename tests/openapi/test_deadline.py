"""Reads of a synchronous client's sockets end at a deadline; a version of httpx that does not allow it is reported."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from typing import Any

import httpcore
import httpx
import pytest
from octopusx_video import OctopusX
from octopusx_video_openapi.deadline import BoundBackend, Deadline

KEY = "sk-tests"


class Dribbling(httpcore.MockStream):
    """A socket that always has another byte, and notes how long each read may take."""

    def __init__(self) -> None:
        super().__init__([])
        self.timeouts: list[float | None] = []

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Called for each read."""
        self.timeouts.append(timeout)
        return b"x"


class Backend(httpcore.MockBackend):
    """Makes one socket."""

    def __init__(self) -> None:
        super().__init__([])
        self.stream = Dribbling()

    def connect_tcp(self, *arguments: Any, **options: Any) -> httpcore.NetworkStream:
        """Called for each connection."""
        return self.stream


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_reads_end_at_the_deadline_however_much_arrives(scheme: str) -> None:
    """Each read may take what is left, or its own timeout where that is shorter; then none is allowed."""
    backend, deadline = Backend(), Deadline()
    stream = BoundBackend(backend, deadline).connect_tcp("localhost", 80)
    if scheme == "https":
        backend.stream.start_tls = lambda *_, **__: backend.stream  # type: ignore[method-assign]
        stream = stream.start_tls(httpcore.default_ssl_context())
    with deadline.within(0.05):
        assert stream.read(1, 60.0) == b"x"
        assert stream.read(1, 0.001) == b"x"
        time.sleep(0.06)
        with pytest.raises(httpcore.ReadTimeout, match="takes too long"):
            stream.read(1, 60.0)
    assert stream.read(1, 60.0) == b"x"
    first, second, third = backend.stream.timeouts
    assert 0 < (first or 0) <= 0.05
    assert (second, third) == (0.001, 60.0)


def _attribute(owner: Callable[[Any], Any], name: str) -> Any:
    return pytest.param(owner, name, id=name)


@pytest.mark.parametrize(
    ("owner", "name"),
    [
        _attribute(lambda client: client, "_transport"),
        _attribute(lambda client: client, "_mounts"),
        _attribute(lambda client: client._transport, "_pool"),  # noqa: SLF001 - what a newer httpx may not have
        _attribute(lambda client: client._transport._pool, "_network_backend"),  # noqa: SLF001
    ],
)
def test_a_version_of_httpx_without_what_is_replaced_is_reported(owner: Callable[[Any], Any], name: str) -> None:
    """A warning names what is missing, what follows from it and what to do."""
    made = httpx.Client()
    delattr(owner(made), name)
    with pytest.warns(RuntimeWarning, match=rf"has no {name}, by which .* is bounded; install an older httpx"):
        OctopusX(KEY, base_url="http://localhost", http_client=made)


def test_this_version_of_httpx_has_what_is_replaced() -> None:
    """Every socket of a client of its own, and of one that was handed in, keeps the deadline."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with httpx.Client(mounts={"https://": httpx.HTTPTransport()}) as made:
            OctopusX(KEY, base_url="http://localhost", http_client=made)
            for transport in (made._transport, *made._mounts.values()):  # noqa: SLF001 - there is no public way
                assert isinstance(transport, httpx.HTTPTransport)
                assert isinstance(transport._pool._network_backend, BoundBackend)  # noqa: SLF001
