"""The schemas of the numbered rules say what their titles say: an answer that keeps a rule, and one that breaks it."""

from __future__ import annotations

from typing import Any

import jsonschema_rs
import pytest
from octopusx_video_openapi import load

from tests.support import documents

CONTRACT = load()
SCHEMAS = {
    rule["id"]: documents.schema(CONTRACT, rule.get("schema", rule.get("when")))
    for rule in documents.document(CONTRACT)["x-rules"]
    if "schema" in rule or "when" in rule
}
URL = "https://example.com/v.mp4"

KEPT: list[tuple[str, Any]] = [
    ("R07", {"id": "a", "status": "completed", "video_url": URL}),
    ("R07", {"id": "a", "status": "processing", "video_url": None}),
    ("R07", {"id": "a"}),
    ("R08", {"id": "a", "status": "completed", "video_url": URL}),
    ("R08", {"id": "a", "status": "completed", "video_url": "", "output": {"url": URL}}),
    ("R08", {"id": "a", "status": "succeeded", "detail": {"url": URL}}),
    ("R08", {"id": "a", "status": "done", "metadata": {"url": URL}}),
    ("R08", {"id": "a", "status": "failed"}),
    ("R08", {"id": "a"}),
    ("R09", {"id": "a", "status": "processing", "video_url": ""}),
    ("R09", {"id": "a", "status": "dreaming", "video_url": None}),
    ("R09", {"id": "a", "status": "failed", "metadata": {"url": "the prompt was refused"}}),
    ("R09", {"id": "a", "status": "completed", "video_url": URL}),
    ("R10", {"id": "a", "status": "processing", "error": {"message": "", "code": ""}}),
    ("R10", {"id": "a", "status": "failed", "error": {"message": "no", "code": "no"}}),
    ("R11", {"id": "a", "status": "failed", "error": {"message": "no"}}),
    ("R11", {"id": "a", "status": "expired", "error": {"code": "expired"}}),
    ("R11", {"id": "a", "status": "processing"}),
    ("R11", {"id": "a"}),
    ("R12", {"id": "a", "status": "processing", "completed_at": 0}),
    ("R12", {"id": "a", "status": "failed", "completed_at": 1735689780}),
    ("R13", {"created_at": 1735689600, "status_update_time": 1762780400}),
    ("R14", {"status": "queued"}),
    ("R21", {"code": "task_not_exist", "message": "", "data": None}),
    ("R22", {"code": "task_channel_disable", "message": "", "data": None}),
    ("R23", {"error": {"message": "not yet", "type": "invalid_request_error"}}),
    ("R23", {"code": "task_not_exist", "message": "", "data": None}),
    ("R28", {"error": {"message": "no", "type": "new_api_error", "code": "model_not_found"}}),
    ("R28", {"error": {"message": "no", "type": "new_api_error", "code": ""}}),
    ("R31", {"error": {"message": "no", "type": "x"}}),
    ("R31", {"code": "x", "message": "no", "data": None}),
    ("R35", {"code": "fail_to_fetch_task", "message": "raw", "data": None}),
    ("R50", {"id": "a", "status": "completed", "progress": 100}),
    ("R50", {"id": "a", "status": "done"}),
    ("R50", {"id": "a", "status": "processing", "progress": 42}),
]

BROKEN: list[tuple[str, Any]] = [
    ("R07", {"id": "a", "status": "completed", "video_url": None}),
    ("R07", {"id": "a", "status": "completed", "video_url": " "}),
    ("R07", {"id": "a", "status": "completed"}),
    ("R08", {"id": "a", "status": "completed", "video_url": ""}),
    ("R08", {"id": "a", "status": "completed", "video_url": None, "output": None}),
    ("R08", {"id": "a", "status": "completed", "video_url": " ", "output": {}, "detail": {"url": ""}}),
    ("R08", {"id": "a", "status": "succeeded"}),
    ("R09", {"id": "a", "status": "processing", "video_url": URL}),
    ("R09", {"id": "a", "status": "failed", "output": {"url": URL}}),
    ("R09", {"id": "a", "status": "dreaming", "url": URL}),
    ("R09", {"id": "a", "status": "processing", "metadata": {"url": URL}}),
    ("R10", {"id": "a", "status": "processing", "error": {"message": "no"}}),
    ("R10", {"id": "a", "status": "completed", "error": {"code": "moderation_blocked"}}),
    ("R11", {"id": "a", "status": "failed"}),
    ("R11", {"id": "a", "status": "failed", "error": None}),
    ("R11", {"id": "a", "status": "failed", "error": "no"}),
    ("R11", {"id": "a", "status": "cancelled", "error": {"message": "", "code": ""}}),
    ("R12", {"id": "a", "status": "processing", "completed_at": 1735689780}),
    ("R12", {"id": "a", "status": "dreaming", "completed_at": 1}),
    ("R13", {"created_at": 1764347090922}),
    ("R13", {"status_update_time": 1759763621142}),
    ("R14", {"status": "dreaming"}),
    ("R14", {"status": "Completed"}),
    ("R21", {"code": "invalid_request", "message": "", "data": None}),
    ("R21", {"error": {"message": "", "type": ""}}),
    ("R22", {"code": "invalid_request", "message": "", "data": None}),
    ("R23", {"error": {"message": "", "type": "server_error"}}),
    ("R23", {"error": {"message": ""}}),
    ("R28", {"error": {"message": "no", "type": "upstream_error", "code": ""}}),
    ("R28", {"error": {"message": "no", "type": "new_api_error", "code": "do_request_failed"}}),
    ("R28", {"code": "fail_to_fetch_task", "message": "raw", "data": None}),
    ("R31", {"error": {"message": "", "type": "x"}}),
    ("R31", {"code": "x", "message": "", "data": None}),
    ("R35", {"code": "task_not_exist", "message": "", "data": None}),
    ("R50", {"id": "a", "status": "succeeded", "progress": 99}),
]


@pytest.mark.parametrize(("rule", "body"), KEPT)
def test_an_answer_that_keeps_the_rule(rule: str, body: Any) -> None:
    """What the rule's title allows matches its schema."""
    assert jsonschema_rs.is_valid(SCHEMAS[rule], body)


@pytest.mark.parametrize(("rule", "body"), BROKEN)
def test_an_answer_that_breaks_the_rule(rule: str, body: Any) -> None:
    """What the rule's title forbids does not match its schema."""
    assert not jsonschema_rs.is_valid(SCHEMAS[rule], body)


def test_every_schema_of_a_rule_is_tried_from_both_sides() -> None:
    """No rule with a schema is missing from the two tables."""
    assert {rule for rule, _ in KEPT} == SCHEMAS.keys() == {rule for rule, _ in BROKEN}


@pytest.mark.parametrize("rule", [rule for rule in CONTRACT.rules if rule.about == "rejection-of-a-valid-request"])
def test_a_refusal_that_is_in_order_is_among_the_examples(rule: Any) -> None:
    """For each rule of a refusal, every operation it speaks of shows one that keeps it."""
    for operation_id in rule.operations:
        responses = dict(documents.responses(CONTRACT, CONTRACT.operations[operation_id]))
        for status in rule.statuses:
            shown = documents.examples(CONTRACT, responses[str(status)]["content"]["application/json"])
            assert any(jsonschema_rs.is_valid(SCHEMAS[rule.id], example) for _, example in shown)
