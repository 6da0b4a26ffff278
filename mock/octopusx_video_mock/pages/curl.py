"""A curl command for an operation, to be copied from the page. Pure."""

from __future__ import annotations

import json
import re
import shlex
from urllib.parse import quote

from octopusx_video_openapi import Operation


def command(operation: Operation, origin: str, key: str) -> str:
    """The command that sends the first documented request of an operation.

    Args:
        operation: The operation.
        origin: Scheme, host and port of the mock.
        key: The key that it sends, or a variable of the shell with a dollar sign.
    """
    lines = [f"curl {_method(operation)}{shlex.quote(origin + _target(operation))}"]
    if operation.is_secured:
        lines.append(f'-H "Authorization: Bearer {key}"')  # double quotes, in which a shell puts a variable's value
    body = next(iter(operation.body_examples.values()), None)
    if body is not None:
        text = json.dumps(body, ensure_ascii=False)
        lines += ["-H 'Content-Type: application/json'", f"-d {shlex.quote(text)}"]
    elif operation.success_schema is None:  # it sends the video
        lines.append("-o video.mp4")
    return " \\\n  ".join(lines)


def _method(operation: Operation) -> str:
    return "" if operation.method == "get" else f"-X {operation.method.upper()} "


def _target(operation: Operation) -> str:
    values = {one.name: str(one.examples[0]) if one.examples else "" for one in operation.parameters}
    path = re.sub(r"\{(\w+)\}", lambda name: quote(values.get(name[1], ""), safe=":"), operation.path)
    query = "&".join(f"{one.name}={quote(values[one.name])}" for one in operation.parameters if one.place == "query")
    return f"{path}?{query}" if query else path
