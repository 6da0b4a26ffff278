"""One session against the mock, as a release keeps it.

Every operation is called once with what works, and with what does not. The key is not recorded.
"""

from __future__ import annotations

from typing import Any

import httpx
from octopusx_video_mock import Mock
from octopusx_video_openapi import Contract
from octopusx_video_openapi.lifecycle import task_life

KEY = "sk-recording"


class _Recorder:
    """Sends requests to a mock and keeps the messages.

    Args:
        contract: The contract that the mock serves.
    """

    def __init__(self, contract: Contract) -> None:
        self._contract = contract
        self.mock = Mock(token=KEY)
        self._client = httpx.Client(transport=self.mock.transport, base_url="http://mock")
        self.messages: list[dict[str, Any]] = []

    def send(self, name: str, body: Any = None, *, key: str = KEY, **values: str) -> Any:
        """Send a request of an operation, and return the JSON value of the response; None where it is not JSON."""
        operation = self._contract.operations[name]
        path = operation.path
        for parameter in operation.parameters:
            path = path.replace(f"{{{parameter.name}}}", values.get(parameter.name, ""))
        query = {one.name: values[one.name] for one in operation.parameters if one.place == "query"}
        headers = {
            one.name: values[one.name] for one in operation.parameters if one.name in values and one.place == "header"
        }
        authorization = {"Authorization": f"Bearer {key}"}
        response = self._client.request(
            operation.method, path, params=query, json=body, headers={**headers, **authorization}
        )
        is_json = "json" in response.headers["content-type"]
        value = response.json() if is_json else None
        self.messages.append(
            {
                "operation": name,
                "request": {"path": path, "query": query, "headers": headers, "has_key": key == KEY, "body": body},
                "response": {
                    "status": response.status_code,
                    "headers": dict(response.headers),
                    "body": value if is_json else f"{len(response.content)} bytes",
                },
            }
        )
        return value


def recorded(contract: Contract) -> list[dict[str, Any]]:
    """The messages of one session against the mock of a contract, in their order."""
    session = _Recorder(contract)
    lasts, expires = task_life(contract).lasts, task_life(contract).expires_after
    extend = contract.operations["extendVideo"].body_examples
    source = contract.operations["extendVideo"].parameters[0].examples[0]
    new = session.send("extendVideo", extend["documented"], video_id=source)["id"]
    session.send("getVideoTask", task_id=new)
    session.send("downloadVideoContent", task_id=new)
    session.mock.clock.advance(lasts + 1)
    session.send("getVideoTask", task_id=new)
    session.send("downloadVideoContent", task_id=new)
    session.send("downloadVideoContent", task_id=new, Range="bytes=0-99")
    session.send("downloadVideoContent", task_id=new, Range="bytes=99999999-")
    for name in ("createVideoExtension", "extendUnifiedVideo"):
        for body in contract.operations[name].body_examples.values():
            made = session.send(name, body)["id"]
            session.send("queryUnifiedVideo", id=made)
            with session.mock.fault("failed", times=1):
                failing = session.send(name, body)["id"]
            session.mock.clock.advance(lasts + 1)
            session.send("queryUnifiedVideo", id=made)
            session.send("getVideoTask", task_id=failing)
    session.send("extendVideo", {"model": "grok-video-3"}, video_id=source)
    session.send("extendVideo", extend["shortest"], video_id=source, key="sk-wrong")
    session.send("getVideoTask", task_id="unknown-task")
    session.send("queryUnifiedVideo", id="unknown-task")
    session.mock.clock.advance(expires)
    session.send("downloadVideoContent", task_id=new)
    return session.messages
