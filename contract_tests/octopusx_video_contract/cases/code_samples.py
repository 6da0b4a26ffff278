"""The requests that the API's pages show, as the contract keeps them: curl commands in ``x-codeSamples``."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from octopusx_video_openapi import Contract, operations

from octopusx_video_contract.messages.http import Request

PLACEHOLDER = "YOUR_API_KEY"


@dataclass(frozen=True)
class CurlRequest:
    """A request as a curl command gives it. ``body`` is the bytes after ``-d``, line breaks and all."""

    operation_id: str
    method: str
    url: str
    headers: tuple[tuple[str, str], ...]
    body: bytes | None

    def request(self, key: str) -> Request:
        """The request with this key, every other byte of it as written."""
        parts = urlsplit(self.url)
        headers = tuple((name, value.replace(PLACEHOLDER, key)) for name, value in self.headers)
        return Request(self.method, parts.path + (f"?{parts.query}" if parts.query else ""), headers, self.body)

    def parts(self, contract: Contract) -> dict[str, Any]:
        """What it sends, as ``path``, ``query``, ``headers`` and ``body``.

        Raises:
            ValueError: Its path is none of its operation.
        """
        operation = contract.operations[self.operation_id]
        parts = urlsplit(self.url)
        values = operations.matched(operation.path, parts.path)
        if values is None:
            raise ValueError(f"{self.operation_id}: the code sample's path {parts.path} is not one of {operation.path}")
        return {
            "path": values,
            "query": dict(parse_qsl(parts.query)),
            "headers": dict(self.headers),
            "body": None if self.body is None else json.loads(self.body),
        }


def documented(contract: Contract) -> list[CurlRequest]:
    """Every documented request, in the order of the contract."""
    return [
        parse(sample.source, operation.id)
        for operation in contract.operations.values()
        for sample in operation.code_samples
        if sample.language == "Shell"
    ]


def parse(command: str, operation_id: str) -> CurlRequest:
    """Read a curl command with the options that the pages use.

    Raises:
        ValueError: It has an option that is not among them.
    """
    words = shlex.split(command.replace("\\\n", " "))  # shlex does not join continued lines as a shell does
    if not words or words.pop(0) != "curl":
        raise ValueError(f"{operation_id}: a code sample must begin with curl")
    method, url, headers, body = None, "", [], None
    while words:
        word = words.pop(0)
        if word == "-X":
            method = words.pop(0)
        elif word == "-H":
            name, _, value = words.pop(0).partition(": ")
            headers.append((name, value))
        elif word == "-d":
            # curl drops carriage returns and line feeds only from files; what stands on the line is sent as it is.
            body = words.pop(0).encode()
        elif word.startswith("-"):
            raise ValueError(f"{operation_id}: the code sample has an option that is not known here: {word}")
        else:
            url = word
    return CurlRequest(operation_id, method or ("GET" if body is None else "POST"), url, tuple(headers), body)
