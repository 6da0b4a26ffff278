"""Calls of the generated client, found by the contract's operation ids, sent through the run's transport."""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Any, get_type_hints

import httpx
from octopusx_video_client import AuthenticatedClient
from octopusx_video_client.errors import UnexpectedStatus
from octopusx_video_openapi import Contract, text

from octopusx_video_contract.cases.code_samples import CurlRequest
from octopusx_video_contract.core.run import Run
from octopusx_video_contract.messages.http import Request, Response

UNREADABLE = (AttributeError, KeyError, TypeError, ValueError, UnexpectedStatus)
"""What the generated client raises over a response that is not what the contract says."""


class Through(httpx.BaseTransport, httpx.AsyncBaseTransport):
    """Carries what an httpx client sends to the run's transport, and keeps the last response."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.response: Response | None = None

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Called by ``httpx.Client``."""
        return self._response(request, request.read())

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Called by ``httpx.AsyncClient``."""
        return self._response(request, await request.aread())

    def _response(self, request: httpx.Request, body: bytes) -> httpx.Response:
        dropped = {"host", "content-length", "connection", "accept-encoding", "user-agent"}
        headers = tuple((name, value) for name, value in request.headers.items() if name.lower() not in dropped)
        target = str(request.url).removeprefix(self.run.settings.base_url)
        sent = Request(request.method, target, headers, body or None)
        self.response = response = self.run.send(sent)
        dropped = {"content-length", "connection", "transfer-encoding"}
        kept = {name: value for name, value in response.headers.items() if name not in dropped}
        return httpx.Response(response.status, headers=kept, content=response.content)


class Call:
    """A documented request as a call of the generated client, by keyword and with the model for its body."""

    def __init__(self, contract: Contract, request: CurlRequest) -> None:
        operation = contract.operations[request.operation_id]
        tag = operation.tags[0]
        self._module: ModuleType = importlib.import_module(
            f"octopusx_video_client.api.{tag}.{text.snake(operation.id)}"
        )
        parts = request.parts(contract)
        self._arguments: dict[str, Any] = {
            name: value for place in ("path", "query") for name, value in parts[place].items()
        }
        if parts["body"] is not None:
            model = get_type_hints(self._module.sync_detailed)["body"]
            self._arguments["body"] = model.from_dict(parts["body"])

    def sync(self, transport: Through, key: str) -> Any:
        """Send it in the client's synchronous flavour. Gives its model, or the exception that it raised instead."""
        with _client(transport, key) as client:
            try:
                return self._module.sync_detailed(client=client, **self._arguments).parsed
            except UNREADABLE as error:
                return error

    async def asyncio(self, transport: Through, key: str) -> Any:
        """Send it in the client's asynchronous flavour. Gives its model, or the exception that it raised instead."""
        async with _client(transport, key) as client:
            try:
                return (await self._module.asyncio_detailed(client=client, **self._arguments)).parsed
            except UNREADABLE as error:
                return error


def _client(transport: Through, key: str) -> AuthenticatedClient:
    return AuthenticatedClient(
        base_url=transport.run.settings.base_url,
        token=key,
        raise_on_unexpected_status=True,
        httpx_args={"transport": transport, "trust_env": False},
    )
