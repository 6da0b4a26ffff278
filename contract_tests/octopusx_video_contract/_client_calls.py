"""Calls of the generated client, found by the contract's operation ids."""

from __future__ import annotations

import importlib
import re
from types import ModuleType
from typing import Any, get_type_hints

import httpx
from octopusx_video_client import AuthenticatedClient
from octopusx_video_client.errors import UnexpectedStatus
from octopusx_video_openapi import Contract

from octopusx_video_contract._curl import CurlRequest

UNREADABLE = (AttributeError, KeyError, TypeError, ValueError, UnexpectedStatus)
"""What the generated client raises over an answer that is not what the contract says."""

Outcome = tuple[httpx.Request, httpx.Response, Any]
"""What went out, what came back, and what the client made of it: its model, or the exception that it raised instead."""


class Call:
    """A documented request as a call of the generated client, by keyword and with the model for its body."""

    def __init__(self, contract: Contract, request: CurlRequest) -> None:
        operation = contract.operations[request.operation_id]
        tag = operation.definition["tags"][0]
        self._module: ModuleType = importlib.import_module(f"octopusx_video_client.api.{tag}.{_snake(operation.id)}")
        parts = request.parts(contract)
        self._arguments: dict[str, Any] = {
            name: value for place in ("path", "query") for name, value in parts[place].items()
        }
        if parts["body"] is not None:
            model = get_type_hints(self._module.sync_detailed)["body"]
            self._arguments["body"] = model.from_dict(parts["body"])

    def sync(self, base_url: str, key: str, timeout: float) -> Outcome:
        """Send it in the client's synchronous flavour."""
        received: list[httpx.Response] = []

        def keep(response: httpx.Response) -> None:
            response.read()
            received.append(response)

        with _client(base_url, key, timeout, keep) as client:
            try:
                parsed = self._module.sync_detailed(client=client, **self._arguments).parsed
            except UNREADABLE as error:
                parsed = error
        return received[0].request, received[0], parsed

    async def asyncio(self, base_url: str, key: str, seconds: float) -> Outcome:
        """Send it in the client's asynchronous flavour."""
        received: list[httpx.Response] = []

        async def keep(response: httpx.Response) -> None:
            await response.aread()
            received.append(response)

        async with _client(base_url, key, seconds, keep) as client:
            try:
                parsed = (await self._module.asyncio_detailed(client=client, **self._arguments)).parsed
            except UNREADABLE as error:
                parsed = error
        return received[0].request, received[0], parsed


def _client(base_url: str, key: str, timeout: float, keep: Any) -> AuthenticatedClient:
    return AuthenticatedClient(
        base_url=base_url,
        token=key,
        timeout=httpx.Timeout(timeout),
        raise_on_unexpected_status=True,
        httpx_args={"event_hooks": {"response": [keep]}},
    )


def _snake(operation_id: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", operation_id).lower()
