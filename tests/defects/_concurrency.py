"""Defects that show only while another request is being handled."""

from __future__ import annotations

import time
from collections.abc import Callable

from octopusx_video_mock.messages import Request, Response

from tests.defects._defect import Handler, Make, Operations, Server

MOMENT = 0.004
"""Seconds that a request takes at least, so that others come while it is under way."""
Beside = Callable[[Server, Request, Request], Response]
"""Answers a request while another one is under way, which comes last."""


def beside(of: Operations, others: Operations, respond: Beside) -> Make:
    """A server that responds otherwise to some operations while one of the others is under way."""

    def make(server: Server) -> Handler:
        under_way: dict[int, Request] = {}

        def handle(request: Request) -> Response:
            operation = server.operation(request)
            if operation not in of | others:
                return server.correct(request)
            if operation in others:
                under_way[id(request)] = request
            try:
                time.sleep(MOMENT)
                beside = next((other for other in list(under_way.values()) if other is not request), None)
                if beside is None or operation not in of:
                    return server.correct(request)
                return respond(server, request, beside)
            finally:
                under_way.pop(id(request), None)

        return handle

    return make
