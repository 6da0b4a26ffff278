from typing import Literal

SucceededStatus = Literal["completed", "done", "succeeded", "success", "SUCCESS"]

SUCCEEDED_STATUS_VALUES: set[SucceededStatus] = {
    "completed",
    "done",
    "succeeded",
    "success",
    "SUCCESS",
}


def check_succeeded_status(value: str) -> SucceededStatus:
    if value in SUCCEEDED_STATUS_VALUES:
        return value
    raise TypeError(
        f"Unexpected value {value!r}. Expected one of {SUCCEEDED_STATUS_VALUES!r}"
    )
