"""A task's life as the contract has it: how its states follow one another, how long it takes, how long its video is."""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

from octopusx_video_openapi._source import source_of
from octopusx_video_openapi.contract import Contract
from octopusx_video_openapi.document import ContractError
from octopusx_video_openapi.grades import Grade, grade_of
from octopusx_video_openapi.operation import Operation


class TaskLife(NamedTuple):
    """``x-task-life``: what a task is called while it runs and when it has ended, and how long either takes.

    Attributes:
        running: The status of a running task.
        succeeded: The status of a task that has ended with a video.
        failed: The status of a task that has ended without one.
        lasts: Seconds from the submit to the end.
        expires_after: Seconds from the submit until its video can't be fetched any more.
        id_prefix: What the id of a new task begins with.
        unknown_code: The code of an error that says that a task is unknown.
        runs_grade: How it is known how long it runs.
        expires_grade: How it is known when it expires.
    """

    running: str
    succeeded: str
    failed: str
    lasts: float
    expires_after: float
    id_prefix: str
    unknown_code: str
    runs_grade: Grade | None = None
    expires_grade: Grade | None = None


@functools.cache
def task_life(contract: Contract) -> TaskLife:
    """The life of this contract's tasks.

    Raises:
        ContractError: ``x-task-life`` is missing or lacks a part.
    """
    try:
        told = source_of(contract).document["x-task-life"]
        return TaskLife(
            running=str(told["runs"]["status"]),
            succeeded=str(told["succeeds"]["status"]),
            failed=str(told["fails"]["status"]),
            lasts=float(told["runs"]["lasts"]),
            expires_after=float(told["expires"]["after"]),
            id_prefix=str(told["ids"]["prefix"]),
            unknown_code=str(told["unknown"]["code"]),
            runs_grade=grade_of(told["runs"]),
            expires_grade=grade_of(told["expires"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ContractError(f"{contract.path}: x-task-life: {_trouble(error)}; see openapi/README.md") from None


def result_length(contract: Contract, submit: Operation, body: dict[str, Any], source_length: float) -> float:
    """How long the video of an accepted submit is, in seconds, by its ``x-result-length``.

    Args:
        contract: The contract that the operation is of.
        submit: An operation with an ``x-result-length``.
        body: The request's body, valid.
        source_length: How long the source video is, in seconds.

    Raises:
        ContractError: The operation's ``x-result-length`` is missing or can't be read.
    """
    try:
        rule = submit.result_length
        start = body.get(rule.start_field, source_length)
        if rule.added_field is not None:
            added: Any = body.get(rule.added_field)
            if added is None:
                added = _default(submit, rule.added_field)
        else:
            added = rule.added_by_model.get(str(body.get("model")), rule.added_otherwise)
        return float(start) + float(added)
    except (KeyError, TypeError, ValueError) as error:
        place = f"{contract.path}: {submit.id}: x-result-length"
        raise ContractError(f"{place}: {_trouble(error)}; see openapi/README.md") from None
    except OverflowError:
        return float("inf")


def _trouble(error: Exception) -> str:
    return f"{error.args[0]} is missing" if isinstance(error, KeyError) else f"a time is no number ({error})"


def _default(submit: Operation, name: str) -> Any:
    schema = submit.body_schema
    if schema is None or schema.properties[name].default_when_omitted is None:
        raise KeyError("x-default-when-omitted")
    return schema.properties[name].default_when_omitted
