"""Layer: ordered responses. What no request can bring about, shown by a server because ``Prefer`` asks for it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from octopusx_video_openapi import Operation

from octopusx_video_contract.cases import request_values
from octopusx_video_contract.core.run import current

RUN = current()
CONTRACT = RUN.contract
FOLLOWS = pytest.mark.skipif("code" not in RUN.settings.orders, reason="the server does not follow Prefer: code=…")


def _documented() -> Iterator[Any]:
    for operation in CONTRACT.operations.values():
        for status, response in operation.responses.items():
            for name in response.examples or [""]:
                yield pytest.param(operation, int(status), name, id=f"{operation.id} {status} {name}")


@FOLLOWS
@pytest.mark.parametrize(("operation", "status", "example"), list(_documented()))
def test_documented_answer(operation: Operation, status: int, example: str) -> None:
    """Each documented response, in each of its documented shapes, keeps the contract."""
    task = next(iter(RUN.settings.known_ids), "unknown")
    values = request_values.valid_requests(operation, task)[0]
    headers = [("Prefer", f"code={status}" + (f", example={example}" if example else ""))]
    if status in {206, 416}:
        headers.append(("Range", "bytes=0-"))
    RUN.recorder.check_response(
        RUN.send(RUN.request(operation, path=values.path, query=values.query, body=values.body, headers=headers))
    )
