"""What a refused value means, in a caller's words. Pure."""

from __future__ import annotations

import json
from typing import Any, Literal

from octopusx_video_openapi.document import Pointer

from octopusx_video_compat.messages import BODY
from octopusx_video_compat.refusals import Refusal

Case = Literal["request-callers", "request-servers", "response-callers", "response-servers", "response-read"]
_MOST = 60
_KINDS = {"path": "path parameter", "query": "query parameter", "header": "header"}
_UNKNOWN = ("unevaluatedProperties", "additionalProperties")
OLD_SERVER = "a server of the old contract"
OLD_CALLER = "a caller of the old contract"

_MISSING: dict[Case, str] = {
    "request-callers": "a request without {} was valid and is refused now",
    "request-servers": "a request without {} is valid now, and " + OLD_SERVER + " refuses it",
    "response-callers": "a response may come without {} now, and " + OLD_CALLER + " reads it",
    "response-servers": "a response must have {} now, and " + OLD_SERVER + " may leave it out",
    "response-read": "",
}
_UNNAMED: dict[Case, str] = {
    "request-callers": "a request with {} was valid, and the new contract does not name it: it has no meaning now",
    "request-servers": "a request may have {} now, and " + OLD_SERVER + " does not know it",
    "response-callers": "a response may have {} now, and " + OLD_CALLER + " does not know it",
    "response-servers": "a response may not have {} any more, and " + OLD_SERVER + " may send it",
    "response-read": "a response could have {}, and the new contract does not name it: who reads it finds nothing",
}
_OTHER: dict[Case, str] = {
    "request-callers": "a request with {} was valid and is refused now",
    "request-servers": "a request with {} is valid now, and " + OLD_SERVER + " refuses it",
    "response-callers": "a response may have {} now, and " + OLD_CALLER + " does not expect it",
    "response-servers": "a response may not have {} any more, and " + OLD_SERVER + " may send it",
    "response-read": "",
}


def sentence(case: Case, refusal: Refusal) -> str:
    """What happens by a value that one contract allows and the other refuses."""
    if refusal.keyword == "required":
        return _MISSING[case].format(_named((*refusal.place, refusal.name)))
    if refusal.keyword in _UNKNOWN:
        return _UNNAMED[case].format(_named((*refusal.place, refusal.name)))
    return _OTHER[case].format(f"{_named(refusal.place)} {shown(refusal.found)}".strip())


def shown(value: Any, most: int = _MOST) -> str:
    """A value as JSON, cut after so many characters."""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= most else f"{text[:most]}… ({len(text)} characters)"


def _named(place: Pointer) -> str:
    """A place of a message: the name of a field, of a parameter or of a header."""
    match place:
        case ("path" | "query" | "header" as kind, name):
            return f"the {_KINDS[str(kind)]} {name}"
        case ("path" | "query" | "header" as kind,):
            return f"a {_KINDS[str(kind)]}"
        case (step, *rest) if step == BODY:
            fields = ".".join(map(str, rest[1:]))
            return fields or " of ".join(["a body", *map(str, rest)])
    return ".".join(map(str, place))
