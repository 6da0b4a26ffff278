from typing import Literal

FailedStatus = Literal[
    "canceled", "cancelled", "error", "expired", "failed", "FAILURE", "failure"
]

FAILED_STATUS_VALUES: set[FailedStatus] = {
    "canceled",
    "cancelled",
    "error",
    "expired",
    "failed",
    "FAILURE",
    "failure",
}


def check_failed_status(value: str) -> FailedStatus:
    if value in FAILED_STATUS_VALUES:
        return value
    raise TypeError(
        f"Unexpected value {value!r}. Expected one of {FAILED_STATUS_VALUES!r}"
    )
