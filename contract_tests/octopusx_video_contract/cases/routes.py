"""Paths that look like others, and ids that look like those of tasks. Pure."""

from __future__ import annotations

import random
import re
import uuid
from collections.abc import Iterable, Iterator
from urllib.parse import quote

from octopusx_video_openapi import METHODS, Contract, Operation, lifecycle, operations


def almost(contract: Contract, operation: Operation, values: dict[str, str]) -> Iterator[str]:
    """Paths beside an operation's own, none of them one of the contract's."""
    path = operations.filled(operation.path, lambda name: quote(values[name], safe=":"))
    first, _, rest = path[1:].partition("/")
    candidates = [
        f"{path}/",
        f"{path}/more",
        f"{path}/extend",
        f"{path}/content/content",
        f"{path}x/y",
        # Not in front: Python's own server makes one slash of two there, before anybody sees the path. No dots between
        # slashes either: a URL of Node.js, and whoever repeats a finding with curl, tidies them away.
        f"/{first}//{rest}",
        f"/{rest}",
        f"/{first}/{first}/{rest}",
        f"/x{path}",
        f"/{first}0/{rest}",
        re.sub(r"[a-z]+$", lambda match: match[0].upper(), path),
        f"/{first.upper()}/{rest}",
        f"/{first}/{rest.capitalize()}",
        f"{path};a=b" if not operation.path.endswith("}") else f"{path}/;a=b",
        f"{path}x" if not operation.path.endswith("}") else f"{path}/x",
        path[:-1] if not operation.path.endswith("}") else f"{path}/y",
    ]
    if operation.method == "get":  # a POST there may be one of the gateway's other submits
        candidates += [step for step in _above(path) if step.count("/") > 1]
    for candidate in dict.fromkeys(candidates):
        if candidate != path and not operations.methods(contract, candidate):
            yield candidate


def shared(contract: Contract, path: str) -> list[Operation]:
    """The operations that a concrete path reaches where a template fits it as well: its own and the template's."""
    reached = [operations.match(contract, method, path) for method in METHODS]
    found = [operation for operation, _ in filter(None, reached)]
    return found if "{" not in path and any(operation.path != path for operation in found) else []


def _above(path: str) -> Iterator[str]:
    while path := path.rpartition("/")[0]:
        yield path


def unknown_tasks(contract: Contract, known: Iterable[str], seed: int) -> Iterator[str]:
    """Ids that no task has: made up in the shapes that are in use, beside known ones, and words of the paths."""
    drawn = random.Random(seed)  # noqa: S311 - made to be repeated
    made_up = str(uuid.UUID(int=drawn.getrandbits(128), version=4))
    prefix = lifecycle.task_life(contract).id_prefix
    yield from (
        f"{prefix}{made_up}",
        f"task_{made_up.replace('-', '')}",
        made_up,
        f"video_{made_up[:8]}",
        "0",
        "unknown",
    )
    # What somebody's shell, query or filter may take for its own.
    yield from (f"{made_up}{more}" for more in ("'", ";a=b", ",b", "&b=c", "(0)", "$(b)", "*", "+b"))
    known = list(known)
    for task in known[:2]:
        last = "0" if task[-1] != "0" else "1"
        suffixes = [f"{task}.json", f"{task}.mp4", f"{task}0", f"{task}:{task}", task.swapcase()]
        for near in (f"{task[:-1]}{last}", task[:-1], task.partition(":")[2], *suffixes):
            if near and near not in known:
                yield near
    words = {word for path in contract.paths for word in path.split("/") if word and "{" not in word}
    yield from sorted(words)
