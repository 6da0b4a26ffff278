"""The guard, which is loaded into Prism's process before Prism, and what it must know of the contract."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from octopusx_video_openapi import Contract, operations

from octopusx_video_mock.messages import MAX_BODY

_GUARD = Path(__file__).resolve().with_name("guard.cjs")


def environment(contract: Contract, token: str | None) -> dict[str, str]:
    """The variables with which Node.js loads the guard, and with which the guard knows the contract and the key."""
    escaped = str(_GUARD).replace("\\", "\\\\").replace('"', '\\"')
    return {
        "OCTOPUSX_PRISM_GUARD": json.dumps(_settings(contract, token)),
        "NODE_OPTIONS": f'--require "{escaped}"',
    }


def _settings(contract: Contract, token: str | None) -> dict[str, Any]:
    """The routes, and the examples of 413 and 500."""
    routes = []
    for template, methods in contract.paths.items():
        with_body = [method for method, operation in methods.items() if operation.body is not None]
        routes.append((f"^{operations.expression(template, '[^/]*')}$", list(methods), with_body))
    # Concrete paths first, as OpenAPI has it: /v1/videos/extensions is not a task called extensions.
    routes.sort(key=lambda route: route[0].count("[^/]*"))
    return {
        "token": token,
        "routes": routes,
        "tooLarge": _example(contract, 413),
        "broken": _example(contract, 500),
        "maxBody": MAX_BODY,
    }


def _example(contract: Contract, wanted: int) -> dict[str, Any]:
    """Headers and body of the contract's first example of a status."""
    for operation in contract.operations.values():
        response = operation.response(wanted)
        if response is None:
            continue
        headers = {name: str(header.examples[0]) for name, header in response.headers.items() if header.examples}
        for media in response.media.values():
            for example in media.examples.values():
                return {"headers": {**headers, "Content-Type": media.type}, "body": json.dumps(example)}
    return {"headers": {}, "body": ""}
