"""Schemathesis, set up for this contract: its phases, its checks, and ours that stand in for one of them."""

from __future__ import annotations

from typing import Any, TypeAlias

import hypothesis
import schemathesis
from octopusx_video_openapi import Operation, task_ids
from schemathesis.core.transport import Response

from octopusx_video_contract import _judge
from octopusx_video_contract._run import Run, current

Case: TypeAlias = "schemathesis.Case[Any]"

KNOWN_ID_SHARE = 0.8
"""Share of generated requests that name a task known to exist. With the rest a server shows how it refuses."""


def schema(run: Run) -> schemathesis.BaseSchema:
    """The contract as schemathesis sees it, bound to the run's server, key and seed."""
    config = schemathesis.Config.from_dict(_settings(run))
    loaded = schemathesis.openapi.from_dict(run.contract.document, config=config)
    loaded.hooks.register_hook_with_name(_record, "after_call")
    return loaded


def chain_settings(run: Run) -> hypothesis.settings:
    """How many chains of linked requests are tried, and how long one is."""
    return hypothesis.settings(
        max_examples=max(1, run.max_examples // 2),
        stateful_step_count=6,
        deadline=None,
        database=None,
        report_multiple_bugs=False,
        phases=[hypothesis.Phase.generate],
        suppress_health_check=list(hypothesis.HealthCheck),
    )


def _settings(run: Run) -> dict[str, Any]:
    settings: dict[str, Any] = {
        "base-url": run.base_url,
        "seed": run.seed,
        "request-timeout": run.timeout,
        "auth": {"openapi": {"bearerAuth": {"bearer": run.key}}},
        "generation": {"max-examples": run.max_examples, "database": "none"},
        # What is shortened before the key is taken out could leave half of it.
        "output": {"truncation": {"enabled": False}},
        "checks": {
            # A 400 for an unknown task is no fault of the server; `valid_request_is_not_refused` says which 400 is.
            "positive_data_acceptance": {"enabled": False},
            # It wants 405; R32 leaves a server the gateway's 404, and the layer of refusals holds it to that.
            "unsupported_method": {"enabled": False},
        },
    }
    if run.known_ids:
        settings["dictionaries"] = {"known-tasks": {"values": list(run.known_ids)}}
        binding = {"dictionary": "known-tasks", "probability": KNOWN_ID_SHARE}
        settings["operations"] = [
            {
                "include-operation-id": operation.id,
                "parameters": {".".join(place): binding for place in task_ids.places(run.contract, operation)},
            }
            for operation in run.contract.operations.values()
            if any(task_ids.places(run.contract, operation))
        ]
    return settings


def _operation(case: Case) -> Operation:
    return current().contract.operation_at(case.operation.path, case.operation.method)


def _record(context: Any, case: Case, response: Response) -> None:
    if not _is_probe(case):
        current().seen.answers[_operation(case).id][response.status_code] += 1


def _headers(response: Response) -> dict[str, str]:
    return {name.lower(): ", ".join(values) for name, values in response.headers.items()}


def _is_probe(case: Case) -> bool:
    """Whether the request leaves the operation on purpose, by another method, so that its rules say nothing of it."""
    return bool(case.method.upper() != case.operation.method.upper())


def _request(case: Case) -> dict[str, Any]:
    return {
        "path": case.path_parameters or {},
        "query": case.query or {},
        "headers": case.headers or {},
        "body": case.body,
    }


def _content(response: Response) -> bytes:
    return response.content or b""


@schemathesis.check
def contract_rules(ctx: schemathesis.CheckContext, response: Response, case: Case) -> None:
    """Each answer keeps the contract's numbered rules of an answer."""
    if _is_probe(case):
        return
    run = current()
    operation, status, content = _operation(case), response.status_code, _content(response)
    for rule, detail in _judge.broken_rules(run, operation, status, _headers(response), content):
        run.broken(rule, detail)
    fault = _judge.new_id_fault(run, operation, _request(case), status, content)
    if fault:
        run.broken(_judge.NEW_ID_RULE, fault)


@schemathesis.check
def valid_request_is_not_refused(ctx: schemathesis.CheckContext, response: Response, case: Case) -> None:
    """A valid request is accepted, or refused for its task alone, and then as the contract says.

    Stands in for schemathesis's positive_data_acceptance, which takes every 404 and 401 for fine and no 400.
    """
    if case.meta is None or not case.meta.generation.mode.is_positive or _is_probe(case):
        return
    run = current()
    fault = _judge.refusal_fault(run, _operation(case), _request(case), response.status_code, _content(response))
    if fault:
        run.broken(*fault)
