from typing import Literal

RunningStatus = Literal[
    "IN_PROGRESS",
    "in_progress",
    "NOT_START",
    "pending",
    "processing",
    "queued",
    "QUEUED",
    "SUBMITTED",
    "unknown",
]

RUNNING_STATUS_VALUES: set[RunningStatus] = {
    "IN_PROGRESS",
    "in_progress",
    "NOT_START",
    "pending",
    "processing",
    "queued",
    "QUEUED",
    "SUBMITTED",
    "unknown",
}


def check_running_status(value: str) -> RunningStatus:
    if value in RUNNING_STATUS_VALUES:
        return value
    raise TypeError(
        f"Unexpected value {value!r}. Expected one of {RUNNING_STATUS_VALUES!r}"
    )
