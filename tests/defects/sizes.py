"""Servers that are wrong at a size: a text of some length, an item of some number, a second in some part of the range.

Some are wrong at a value that looks outlandish and is valid: a zero character, half an alphabet's direction, an escape.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from octopusx_video_mock.messages import Request, Response
from octopusx_video_mock.tasks.mp4 import mp4

from tests.defects._defect import (
    CONTENT,
    CREATE,
    EXTEND,
    OK,
    QUERY,
    READ,
    SUBMITS,
    UNIFIED,
    Answerer,
    Case,
    Defect,
    Json,
    Make,
    Server,
    sent,
    succeeded,
)
from tests.defects.single_moments import Made, _knows, _tells

Body = dict[str, Any]

_EXTENDS = frozenset({EXTEND, UNIFIED})
_RIGHT_TO_LEFT = "\u202e"


def _refusing(when: Callable[[Body, Request], bool], of: frozenset[str] = SUBMITS, status: int = 400) -> Make:
    """A server that refuses a submit that it should accept, or breaks over it."""

    def make(server: Server) -> Answerer:
        def answer(request: Request) -> Response:
            is_meant = server.operation(request) in of and when(sent(request), request)
            if not is_meant or server.at(request, 0).status != 200:
                return server.correct(request)
            # The body of a refusal, under the status of what has become of the request.
            refusal = server.invalid(request)
            refusal.status = status
            return refusal

        return answer

    return make


def _breaking(when: Callable[[Body, Request], bool], of: frozenset[str] = SUBMITS) -> Make:
    """A server that breaks over a submit."""
    return _refusing(when, of, status=500)


def _prompt(body: Body) -> str:
    prompt = body.get("prompt")
    return prompt if isinstance(prompt, str) else ""


def _images(body: Body) -> list[Any]:
    images = body.get("images")
    return images if isinstance(images, list) else []


def _links(body: Body) -> list[str]:
    return [item for item in _images(body) if isinstance(item, str)]


def _start(body: Body) -> int:
    start = body.get("start_time")
    return start if isinstance(start, int) and not isinstance(start, bool) else -1


def _telling(change: Callable[[str], str]) -> Make:
    """A server whose unified read tells the prompt of its own tasks whole, but for what is changed in it.

    The mock behind it leaves out a prompt that finds no room in the task's id.
    """

    def told(case: Case, made: Made, value: dict[str, Json]) -> dict[str, Json]:
        prompt = made.body.get("prompt")
        return {"prompt": change(prompt)} if isinstance(prompt, str) else {}

    return _tells(told, frozenset({QUERY}))


def _without_middle(prompt: str) -> str:
    return prompt[:2_040] + prompt[2_048:] if len(prompt) > 2_048 else prompt


def _last_of_column(prompt: str) -> str:
    """The prompt in a column of 65,535 bytes, which loses a character that has no room in it."""
    return prompt.encode(errors="replace")[:65_535].decode(errors="ignore")


def _cut_once_ended(case: Case, made: Made, value: dict[str, Json]) -> dict[str, Json]:
    prompt = made.body.get("prompt")
    return {"prompt": prompt[:255]} if succeeded(value) and isinstance(prompt, str) else {}


def _length_between(case: Case, made: Made, value: dict[str, Json]) -> dict[str, Json]:
    if "seconds" in value and 1_000 <= _start(made.body) < 2_000:
        return {"seconds": str(int(float(value["seconds"])) - 1)}
    return {}


def _length_in_a_byte(case: Case, made: Made, value: dict[str, Json]) -> dict[str, Json]:
    """A start_time from 256 to 511 is kept in eight bits."""
    if "seconds" in value and 256 <= _start(made.body) < 512:
        return {"seconds": str(int(float(value["seconds"])) - 256)}
    return {}


def _video_in_minutes(case: Case, made: Made) -> None:
    """The video itself begins at a whole minute from an hour on."""
    start = _start(made.body)
    if made.operation == CREATE and start >= 3_600 and start % 60 and case.request.header(b"range") is None:
        case.answer.body = mp4(start - start % 60 + float(made.body.get("duration", 10)))
        case.header(b"content-length", None)


def _raw_has(text: bytes) -> Callable[[Body, Request], bool]:
    return lambda _, request: text in (request.body or b"").lower()


def _refused(name: str, summary: str, make: Make) -> Defect:
    return Defect(name, "validation", "R34", summary, make)


def _broken(name: str, summary: str, make: Make) -> Defect:
    return Defect(name, "status", "R44", summary, make)


def _told(name: str, rule: str, summary: str, make: Make) -> Defect:
    return Defect(name, "life", rule, summary, make)


DEFECTS: tuple[Defect, ...] = (
    # Refused.
    _refused(
        "prompt-over-1000-refused",
        "a prompt of more than 1,000 characters is refused",
        _refusing(lambda body, _: len(_prompt(body)) > 1_000),
    ),
    _refused(
        "prompt-over-50000-refused",
        "a prompt of more than 50,000 characters is refused by createVideoExtension",
        _refusing(lambda body, _: len(_prompt(body)) > 50_000, frozenset({CREATE})),
    ),
    _refused(
        "prompt-of-255-refused",
        "a prompt of exactly 255 characters is refused, for a length that is compared with the wrong sign",
        _refusing(lambda body, _: len(_prompt(body)) == 255),
    ),
    _refused(
        "link-over-2048-refused",
        "a link of more than 2,048 characters is refused, and a data URL is not",
        _refusing(lambda body, _: any(len(link) > 2_048 and link[:4] == "http" for link in _links(body)), _EXTENDS),
    ),
    _refused(
        "data-url-over-32768-refused",
        "a data URL of more than 32,768 characters is refused",
        _refusing(lambda body, _: any(len(link) > 32_768 for link in _links(body)), _EXTENDS),
    ),
    _refused(
        "five-to-nine-images-refused",
        "from five to nine images are refused, for a count that is compared as a text",
        _refusing(lambda body, _: 5 <= len(_images(body)) <= 9, _EXTENDS),
    ),
    _refused(
        "start-of-128-to-255-refused",
        "a start_time from 128 to 255 is read as a negative one, and refused",
        _refusing(lambda body, _: 128 <= _start(body) < 256),
    ),
    _refused(
        "ratio-over-4000-refused",
        "an aspect_ratio of more than 4,000 characters is refused",
        _refusing(lambda body, _: len(str(body.get("aspect_ratio"))) > 4_000, _EXTENDS),
    ),
    _refused(
        "override-in-prompt-refused",
        "a prompt in which the direction of the text is overridden is refused",
        _refusing(lambda body, _: _RIGHT_TO_LEFT in _prompt(body)),
    ),
    # Broken.
    _broken(
        "nul-in-prompt-breaks",
        "a prompt with a zero character breaks the server",
        _breaking(lambda body, _: "\0" in _prompt(body)),
    ),
    _broken(
        "escaped-emoji-breaks",
        "an emoji that is escaped, as two halves, breaks the server",
        _breaking(_raw_has(b"\\ud83d\\ud")),
    ),
    _broken(
        "seven-images-break",
        "seven images break the server, six or eight do not",
        _breaking(lambda body, _: len(_images(body)) == 7, _EXTENDS),
    ),
    _broken(
        "start-from-2-to-the-16-breaks",
        "a start_time that has more than 16 bits breaks the server",
        _breaking(lambda body, _: 65_536 <= _start(body) < 131_072),
    ),
    # Told.
    _told(
        "prompt-told-to-255-once-ended",
        "R48",
        "from its end on, a task tells 255 characters of its prompt",
        _tells(_cut_once_ended, frozenset({QUERY})),
    ),
    _told(
        "prompt-told-to-1000",
        "R48",
        "the unified read tells 1,000 characters of a prompt",
        _telling(lambda prompt: prompt[:1_000]),
    ),
    _told(
        "prompt-told-to-4096",
        "R48",
        "the unified read tells 4,096 characters of a prompt",
        _telling(lambda prompt: prompt[:4_096]),
    ),
    _told(
        "prompt-told-to-65535-bytes",
        "R48",
        "the unified read tells 65,535 bytes of a prompt",
        _telling(_last_of_column),
    ),
    _told(
        "prompt-told-without-middle",
        "R48",
        "of a prompt of more than 2,048 characters, eight are lost between two pieces",
        _telling(_without_middle),
    ),
    _told(
        "seconds-wrong-from-1000-to-2000",
        "R55",
        "seconds is one less where start_time is from 1,000 to 1,999",
        _tells(_length_between, frozenset({READ})),
    ),
    _told(
        "seconds-of-start-in-a-byte",
        "R55",
        "seconds takes a start_time from 256 to 511 for one that is 256 less",
        _tells(_length_in_a_byte, frozenset({READ})),
    ),
    Defect(
        "content-starts-at-whole-minutes",
        "content",
        "R26",
        "a video of createVideoExtension begins at a whole minute where start_time is an hour or more",
        _knows(_video_in_minutes, frozenset({CONTENT}), OK),
    ),
)
