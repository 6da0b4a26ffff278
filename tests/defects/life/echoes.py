"""Fields of the submit that a read reports differently."""

from __future__ import annotations

import html
import math
import re
from collections.abc import Callable
from typing import Any

from octopusx_video_mock.messages import Request, Response

from tests.defects._concurrency import beside
from tests.defects._defect import (
    OK,
    QUERY,
    READ,
    SUBMITS,
    Case,
    Json,
    Make,
    Operations,
    Server,
    Table,
    changes,
    edits,
    mapped,
    sending,
    sent,
    succeeded,
)
from tests.defects._tasks import Made, all_made, task_reads


def _remembers(field: str, reported: str, of: Operations) -> Make:
    """A read that reports of the last submit what it should report of the task's own."""

    def changed(case: Case) -> None:
        if case.response.operation in SUBMITS:
            case.memory["last"] = sent(case.request).get(field)
            case.memory.setdefault("made", set()).add(case.value["id"])
        elif reported in case.value and case.task in case.memory.get("made", ()):
            case.value = {**case.value, reported: case.memory["last"]}

    return changes(changed, SUBMITS | of, OK)


def _swapped_ratio(value: Json) -> Json:
    return {**value, "ratio": ":".join(reversed(value["ratio"].split(":")))} if value.get("ratio") else value


def _size_of_upscale(case: Case, made: Made, value: Json) -> Json:
    return {"size": "1080P"} if made.upscaled and "size" in value else {}


def _mojibake(prompt: str) -> str:
    return prompt.encode("utf-8", "surrogatepass").decode("latin-1")


def _cut_to_column(case: Case, made: Made, value: Json) -> Json:
    prompt = made.body.get("prompt", "")
    return {"prompt": prompt[:255]} if succeeded(value) and len(prompt) > 255 else {}


def _model_of_source(case: Case, made: Made, value: Json) -> Json:
    source = case.memory["made"].get(made.source)
    return {"model": source.body.get("model")} if source is not None and "model" in value else {}


def _without_wide(prompt: str) -> str:
    return "".join("?" if ord(character) > 0xFFFF else character for character in prompt)


def _reduced(ratio: Any) -> Any:
    match = re.fullmatch(r"([1-9]\d{0,8}):([1-9]\d{0,8})", ratio) if isinstance(ratio, str) else None
    if match is None:
        return ratio
    width, height = int(match[1]), int(match[2])
    most = math.gcd(width, height)
    return f"{width // most}:{height // most}"


def _ratio_of_size(case: Case, made: Made, value: Json) -> Json:
    return {"ratio": "16:9"} if made.body.get("size") == "1080P" and "ratio" in value else {}


def _size_of_max(case: Case, made: Made, value: Json) -> Json:
    return {"size": "1080P"} if made.is_max and "size" in value else {}


def _size_of_sibling(case: Case, made: Made, value: Json) -> Json:
    siblings = [one for one in all_made(case).values() if one.source == made.source and one.key == made.key]
    sizes = [one.body["size"] for one in siblings if "size" in one.body]
    return {"size": sizes[-1]} if "size" in value else {}


def _joined_prompts(case: Case, made: Made, value: Json) -> Json:
    source = all_made(case).get(made.source)
    if source is None or "prompt" not in value:
        return {}
    return {"prompt": f"{source.body.get('prompt')}, {value['prompt']}"}


def _telling(change: Callable[[str], str]) -> Make:
    """A server whose unified read reports the prompt of its own tasks whole, but for what is changed in it.

    The mock behind it leaves out a prompt that finds no room in the task's id.
    """

    def reported(case: Case, made: Made, value: dict[str, Json]) -> dict[str, Json]:
        prompt = made.body.get("prompt")
        return {"prompt": change(prompt)} if isinstance(prompt, str) else {}

    return task_reads(reported, {QUERY})


def _without_middle(prompt: str) -> str:
    return prompt[:2_040] + prompt[2_048:] if len(prompt) > 2_048 else prompt


def _last_of_column(prompt: str) -> str:
    """The prompt in a column of 65,535 bytes, which loses a character that has no room in it."""
    return prompt.encode(errors="replace")[:65_535].decode(errors="ignore")


def _cut_once_ended(case: Case, made: Made, value: dict[str, Json]) -> dict[str, Json]:
    prompt = made.body.get("prompt")
    return {"prompt": prompt[:255]} if succeeded(value) and isinstance(prompt, str) else {}


def _prompt_of(server: Server, request: Request, other: Request) -> Response:
    prompt = sent(other).get("prompt")
    body = sent(request)
    valid = isinstance(prompt, str) and isinstance(body.get("prompt"), str)
    return server.correct(sending(request, {**body, "prompt": prompt}) if valid else request)


DEFECTS: Table = {
    ("model-default", "R48", "the model that is returned is always grok-video-3"): edits(
        mapped("model", lambda _: "grok-video-3"), {READ}
    ),
    ("model-upper-case", "R48", "the model is returned in upper case"): edits(mapped("model", str.upper), {READ}),
    ("model-of-last-submit", "R48", "the model is that of the last submit"): _remembers("model", "model", {READ}),
    ("prompt-of-last-submit", "R48", "the prompt is that of the last submit"): _remembers("prompt", "prompt", {QUERY}),
    ("prompt-cut", "R48", "the prompt is cut to twenty characters"): edits(
        mapped("prompt", lambda prompt: prompt[:20]), {QUERY}
    ),
    ("prompt-lower-case", "R48", "the prompt is returned in lower case"): edits(mapped("prompt", str.lower), {QUERY}),
    ("prompt-stripped-of-unicode", "R48", "letters outside of ASCII are question marks in the prompt"): edits(
        mapped("prompt", lambda prompt: prompt.encode("ascii", "replace").decode()), {QUERY}
    ),
    ("prompt-enhanced", "R48", "the prompt is the enhanced one"): edits(
        mapped("prompt", lambda prompt: f"{prompt}, cinematic, 4k"), {QUERY}
    ),
    ("ratio-swapped", "R48", "width and height of the ratio are swapped"): edits(_swapped_ratio, {QUERY}),
    ("ratio-of-sample", "R48", "the ratio is that of the page's sample"): edits(
        mapped("ratio", lambda _: "3:2"), {QUERY}
    ),
    ("size-lower-case-told", "R48", "the size is returned in lower case"): edits(mapped("size", str.lower), {READ}),
    ("size-always-720p", "R48", "the size that is returned is always 720P"): edits(
        mapped("size", lambda _: "720P"), {READ}
    ),
}

RARE: Table = {
    ("size-of-upscale", "R48", "the size that is returned is 1080P where upscale was asked for"): task_reads(
        _size_of_upscale, {READ}
    ),
    ("prompt-mojibake", "R48", "the UTF-8 of a prompt is read as Latin-1"): edits(mapped("prompt", _mojibake), {QUERY}),
    ("prompt-cut-to-column", "R48", "a prompt is kept in a column of 255 characters"): task_reads(
        _cut_to_column, {QUERY}
    ),
    ("model-of-source", "R48", "the model of an extension of an own task is that of its source"): task_reads(
        _model_of_source, {READ}
    ),
    ("prompt-trimmed", "R48", "the blanks and line breaks around a prompt are not returned"): edits(
        mapped("prompt", str.strip), {QUERY}
    ),
    ("prompt-html-escaped", "R48", "quotes, ampersands and angles of a prompt are returned as HTML has them"): edits(
        mapped("prompt", html.escape), {QUERY}
    ),
    (
        "prompt-in-three-bytes",
        "R48",
        "characters of four bytes are question marks in the prompt, by a column that takes three",
    ): edits(mapped("prompt", _without_wide), {QUERY}),
    ("ratio-reduced", "R48", "a ratio is returned in lowest terms, 8:5 for 16:10"): edits(
        mapped("ratio", _reduced), {QUERY}
    ),
    ("ratio-of-1080p", "R48", "the ratio that is returned is 16:9 where a size of 1080P was asked for"): task_reads(
        _ratio_of_size, {QUERY}
    ),
    (
        "size-of-max",
        "R48",
        "the size that is returned is 1080P with grok-video-3-max, whatever was asked for",
    ): task_reads(_size_of_max, {READ}),
    ("prompt-percent-doubled", "R48", "a percent sign of a prompt is returned twice"): edits(
        mapped("prompt", lambda prompt: prompt.replace("%", "%%")), {QUERY}
    ),
    (
        "prompt-without-backslashes",
        "R48",
        "the backslashes of a prompt are taken for those of an encoding, and taken away",
    ): edits(mapped("prompt", lambda prompt: prompt.replace("\\", "")), {QUERY}),
    ("prompt-line-breaks-written-out", "R48", "a line break of a prompt is returned as a backslash and an n"): edits(
        mapped("prompt", lambda prompt: prompt.replace("\n", "\\n")), {QUERY}
    ),
    (
        "size-of-last-sibling",
        "R48",
        "the size that is returned is that of the last submit of the same source that named one",
    ): task_reads(_size_of_sibling, {READ}),
    (
        "prompts-of-chain-joined",
        "R48",
        "the prompt of an extension of an own extension has the source's prompt before it",
    ): task_reads(_joined_prompts, {QUERY}),
    ("prompt-told-to-255-once-ended", "R48", "from its end on, a task has 255 characters of its prompt"): task_reads(
        _cut_once_ended, {QUERY}
    ),
    ("prompt-told-to-1000", "R48", "the unified read returns 1,000 characters of a prompt"): _telling(
        lambda prompt: prompt[:1_000]
    ),
    ("prompt-told-to-4096", "R48", "the unified read returns 4,096 characters of a prompt"): _telling(
        lambda prompt: prompt[:4_096]
    ),
    ("prompt-told-to-65535-bytes", "R48", "the unified read returns 65,535 bytes of a prompt"): _telling(
        _last_of_column
    ),
    (
        "prompt-told-without-middle",
        "R48",
        "of a prompt of more than 2,048 characters, eight are lost between two pieces",
    ): _telling(_without_middle),
    (
        "together-prompt-of-another",
        "R48",
        "a submit that comes while another one is handled gets the prompt of that one",
    ): beside(SUBMITS, SUBMITS, _prompt_of),
}
