from typing import Literal

ExtensionDuration = Literal[6, 10, 15]

EXTENSION_DURATION_VALUES: set[ExtensionDuration] = {
    6,
    10,
    15,
}


def check_extension_duration(value: int) -> ExtensionDuration:
    if value in EXTENSION_DURATION_VALUES:
        return value
    raise TypeError(
        f"Unexpected value {value!r}. Expected one of {EXTENSION_DURATION_VALUES!r}"
    )
