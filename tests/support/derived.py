"""A contract derived from the project's own, with another submit for each form of x-result-length."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import yaml
from octopusx_video_openapi import contract_path
from octopusx_video_openapi.reading import read

Document = dict[str, Any]
_DOCUMENT: Document = read(contract_path()).value
_GRADE = {"chosen": "Made up for these tests."}

UPSCALE, TEASE, CONTINUE, CREATE, COMPOSE = SUBMITS = (
    "upscaleVideo",
    "teaseVideo",
    "continueVideo",
    "createVideo",
    "composeVideo",
)
"""As long as its source; of a fixed length; by fields; of a fixed length without a source; by one field without one."""
WITHOUT_SOURCE = {CREATE, COMPOSE}
TEASER, CREATED = 5, 8
"""The fixed lengths, in seconds."""
RUNS = (("queued", 20), ("processing", 100))
"""The statuses of a running task, with the seconds that each lasts."""
_OF_A_SOURCE = {"R46", "R47"}
"""The rules of a submit that names a source."""


def document() -> Document:
    """The derived contract."""
    made = copy.deepcopy(_DOCUMENT)
    extend = made["paths"]["/v1/videos/{video_id}/extend"]["post"]
    _add(made, "/v1/videos/{video_id}/upscale", extend, UPSCALE, {"as-long-as": "source video"})
    _add(made, "/v1/videos/{video_id}/teaser", extend, TEASE, {"fixed": TEASER})
    by_fields = {"starts-at": {"field": "start_time"}, "adds": {"field": "duration"}}
    _add(made, "/v1/videos/continuations", made["paths"]["/v1/videos/extensions"]["post"], CONTINUE, by_fields)
    for path, name, length in (
        ("/v1/video/create", CREATE, {"fixed": CREATED}),
        ("/v1/video/compose", COMPOSE, {"adds": {"field": "duration"}}),
    ):
        _add(made, path, extend, name, length)
        _take_source(made, made["paths"][path]["post"])
    made["x-task-life"]["runs"] = [{"status": status, "lasts": lasts, "x-grade": _GRADE} for status, lasts in RUNS]
    content = made["paths"]["/v1/video/query"]["get"]["responses"]["200"]["content"]["application/json"]
    queued = copy.deepcopy(content["examples"]["processing"])
    queued["value"] |= {"status": "queued", "progress": 0}
    content["examples"]["queued"] = queued
    return made


def operation(made: Document, name: str) -> Document:
    """A submit of a derived contract."""
    posts = (item["post"] for item in made["paths"].values() if "post" in item)
    found: Document = next(post for post in posts if post["operationId"] == name)
    return found


def text(made: Document) -> str:
    """A derived contract as YAML."""
    return yaml.dump(made, Dumper=_WithoutAliases, sort_keys=False, width=200)


def written(made: Document, folder: Path) -> Path:
    """The file of a derived contract in a folder."""
    path = folder / "contract.yaml"
    path.write_text(text(made), "utf-8")
    return path


def _add(made: Document, path: str, like: Document, name: str, length: Document) -> None:
    operation = copy.deepcopy(like)
    del operation["x-codeSamples"]
    operation |= {"operationId": name, "x-result-length": {"unit": "seconds", **length, "x-grade": _GRADE}}
    made["paths"][path] = {"post": operation}
    for rule in made["x-rules"]:
        has_meaning = rule["id"] not in _OF_A_SOURCE or name not in WITHOUT_SOURCE
        if has_meaning and like["operationId"] in rule.get("operations", ()):
            rule["operations"].append(name)
        if "read-by" in rule:
            rule["read-by"][name] = rule["read-by"][like["operationId"]]


def _take_source(made: Document, operation: Document) -> None:
    """Let a submit take a model, a prompt and a duration, and no source."""
    operation["parameters"] = []
    schemas = made["components"]["schemas"]
    fields = copy.deepcopy(schemas["CreateVideoExtensionRequest"]["properties"])
    schemas["CreateVideoRequest"] = {
        "type": "object",
        "required": ["model", "prompt"],
        "properties": {name: fields[name] for name in ("model", "prompt", "duration")},
    }
    [media] = operation["requestBody"]["content"].values()
    media["schema"] = {"$ref": "#/components/schemas/CreateVideoRequest"}
    media["examples"] = {"documented": {"value": {"model": "grok-video-3", "prompt": "Two Cats", "duration": 6}}}


class _WithoutAliases(yaml.CSafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True
