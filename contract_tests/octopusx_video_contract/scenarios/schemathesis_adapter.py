"""Schemathesis, set up for this contract: its phases, its checks, and ours that stand in for some of them."""

from __future__ import annotations

import dataclasses
import io
import json
from collections.abc import Iterator
from typing import Any, TypeAlias

import hypothesis
import requests
import schemathesis
from octopusx_video_openapi import Operation, RuleId, task_ids
from requests.adapters import BaseAdapter
from schemathesis.core.failures import CustomFailure, Failure, FailureGroup
from schemathesis.core.transport import Response as ReceivedResponse
from schemathesis.transport import BaseTransport
from schemathesis.transport.requests import REQUESTS_TRANSPORT
from urllib3 import HTTPResponse

from octopusx_video_contract.checks import ranges, single_response
from octopusx_video_contract.checks.registry import at
from octopusx_video_contract.core.findings import Finding, Findings
from octopusx_video_contract.core.run import Run, current
from octopusx_video_contract.messages.http import Request, Response
from octopusx_video_contract.sending.transport import NoResponseError

Case: TypeAlias = "schemathesis.Case[Any]"

KNOWN_ID_SHARE = 0.8
"""Share of generated requests that name a task known to exist. With the rest a server shows how it refuses."""

NOT_SENT = frozenset(
    {
        *("content-length", "host", "transfer-encoding", "connection", "user-agent", "accept-encoding"),
        "x-schemathesis-testcaseid",  # another in each run, and the same seed sends the same bytes
    }
)
"""Headers of requests and schemathesis that say nothing of a case; the transport adds those that HTTP needs."""
RULES_OF_CHECKS = {
    "response_schema_conformance": RuleId.R36,
    "content_type_conformance": RuleId.R39,
    "status_code_conformance": RuleId.R38,
    "response_headers_conformance": RuleId.R40,
    "not_a_server_error": RuleId.R44,
    "negative_data_rejection": RuleId.R41,
    "missing_required_header": RuleId.R02,
    "ignored_auth": RuleId.R01,
    "unsupported_method": RuleId.R32,
    "allow_header_conformance": RuleId.R32,
    "ensure_resource_availability": RuleId.R04,
    "use_after_free": RuleId.R46,
}
"""Which rule of the contract each check of schemathesis asks for."""


def schema(run: Run) -> schemathesis.BaseSchema:
    """The contract as schemathesis sees it, with the run's key and seed."""
    config = schemathesis.Config.from_dict(_settings(run))
    loaded = schemathesis.openapi.from_dict(json.loads(run.contract.text()), config=config)
    # Its checks send requests of their own, without the session that they are given: all have to leave by the run's
    # transport. No option of schemathesis names one, so that the property is overridden that it takes its own from.
    if not isinstance(getattr(type(loaded), "transport", None), property):
        raise NotImplementedError("this version of schemathesis takes its transport from elsewhere; install 4.32")
    transport = _Transport(run)

    class Schema(type(loaded)):  # type: ignore[misc]
        @property
        def transport(self) -> BaseTransport[requests.Session]:
            return transport

    fields = {field.name: getattr(loaded, field.name) for field in dataclasses.fields(loaded) if field.init}
    return Schema(**fields)


def operations(run: Run) -> list[str]:
    """The operations that are tried: all of them, but no submits where they may be billed."""
    return [id_ for id_ in run.contract.operations if not (run.paid and id_ in run.contract.submits)]


def chain_settings(run: Run) -> hypothesis.settings:
    """How many chains of linked requests are tried, and how long one is."""
    return hypothesis.settings(
        max_examples=max(1, run.settings.max_examples // 4),
        stateful_step_count=6,
        deadline=None,
        database=None,
        report_multiple_bugs=False,
        phases=[hypothesis.Phase.generate],
        suppress_health_check=list(hypothesis.HealthCheck),
    )


def _settings(run: Run) -> dict[str, Any]:
    settings: dict[str, Any] = {
        "base-url": run.settings.base_url,
        "seed": run.settings.seed,
        "request-timeout": run.settings.timeout,
        "auth": {"openapi": {"bearerAuth": {"bearer": run.settings.key}}},
        # Other methods are asked for by the layer of boundaries, and never with an id that somebody could want to keep:
        # where a service has a DELETE that its documentation does not mention, it deletes.
        "phases": {"coverage": {"unexpected-methods": []}},
        "generation": {"max-examples": run.settings.max_examples, "database": "none"},
        # What is shortened before the key is taken out could leave half of it.
        "output": {"truncation": {"enabled": False}},
        "checks": {
            # A 400 for an unknown task is no fault of the server; `valid_request_is_not_refused` says which 400 is.
            "positive_data_acceptance": {"enabled": False},
            # It wants 405; R32 leaves a server the gateway's 404, and the layer of boundaries asks for that.
            "unsupported_method": {"enabled": False},
            # A video that is gone is 502 (R44), and whether one is there is asked over the task's life.
            "not_a_server_error": {"expected-statuses": ["2xx", "3xx", "4xx", "502"]},
        },
    }
    if run.settings.known_ids:
        settings["dictionaries"] = {"known-tasks": {"values": list(run.settings.known_ids)}}
        binding = {"dictionary": "known-tasks", "probability": KNOWN_ID_SHARE}
        # For all operations at once: settings of single ones are merged anew for each request and each check.
        settings["parameters"] = {
            ".".join(place): binding
            for operation in run.contract.operations.values()
            for place in task_ids.places(operation)
        }
    return settings


class _Session(requests.Session):
    def get_redirect_target(self, resp: requests.Response) -> None:
        """Follow no redirect: it could lead a submit, or the key, elsewhere."""


class _Transport(BaseTransport[requests.Session]):
    """Sends each case through the run's transport, which repeats nothing and follows no redirect."""

    def __init__(self, run: Run) -> None:
        super().__init__()
        self._session = _Session()
        self._session.trust_env = False
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, _Adapter(run))

    def serialize_case(self, case: Case, **options: Any) -> dict[str, Any]:
        """Called by schemathesis to see what a case sends."""
        return REQUESTS_TRANSPORT.serialize_case(case, **options)

    def get_matching_media_types(self, media_type: str) -> Iterator[tuple[str, Any]]:
        """Called by schemathesis to see what can be sent."""
        return REQUESTS_TRANSPORT.get_matching_media_types(media_type)

    def send(self, case: Case, *, session: requests.Session | None = None, **options: Any) -> ReceivedResponse:
        """Called by schemathesis for whatever it sends."""
        return REQUESTS_TRANSPORT.send(case, session=self._session, **options)


class _Adapter(BaseAdapter):
    def __init__(self, run: Run) -> None:
        super().__init__()
        self._run = run

    def send(self, request: requests.PreparedRequest, *_: Any, **__: Any) -> requests.Response:
        """Send through the transport what schemathesis has prepared."""
        response = self._run.transport.send(_request(self._run, request))
        received = requests.Response()
        received.status_code = response.status
        received.headers.update(response.headers)
        body = io.BytesIO(response.content)
        received.raw = HTTPResponse(
            body, response.headers, response.status, preload_content=False, decode_content=False
        )
        received.url, received.request, received.encoding = request.url or "", request, "utf-8"
        return received

    def close(self) -> None:
        """The transport is closed by whoever opened it."""


def _request(run: Run, prepared: requests.PreparedRequest) -> Request:
    body = prepared.body.encode() if isinstance(prepared.body, str) else prepared.body
    target = (prepared.url or "").removeprefix(run.settings.base_url)
    headers = [(_text(name), _text(value)) for name, value in prepared.headers.items()]
    kept = tuple((name, value) for name, value in headers if name.lower() not in NOT_SENT)
    return Request(prepared.method or "", target, kept, body if isinstance(body, bytes) else None)


def _text(value: Any) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


def _operation(case: Case) -> Operation:
    return current().contract.paths[case.operation.path][case.operation.method.upper()]


def _is_probe(case: Case) -> bool:
    """Whether the request leaves the operation on purpose, by another method, so that its rules say nothing of it."""
    return bool(case.method.upper() != case.operation.method.upper())


def _response(run: Run, received: ReceivedResponse) -> Response:
    headers = {name.lower(): ", ".join(values) for name, values in received.headers.items()}
    return Response(_request(run, received.request), received.status_code, headers, received.content or b"")


@schemathesis.check
def contract_rules(ctx: schemathesis.CheckContext, received: ReceivedResponse, case: Case) -> None:
    """Each response keeps the contract's numbered rules of a response that schemathesis has no check for."""
    if _is_probe(case):
        return
    run = current()
    response, operation = _response(run, received), _operation(case)
    found = [*run.recorder.changed(response), *single_response.numbered(operation, response)]
    run.recorder.check_all(
        at(operation.id, [*found, *single_response.new_id(run.recorder.context, operation, response)]), response
    )


@schemathesis.check
def valid_request_is_not_refused(ctx: schemathesis.CheckContext, received: ReceivedResponse, case: Case) -> None:
    """A valid request is accepted, or refused for its task alone, and then as the contract says.

    Stands in for schemathesis's positive_data_acceptance, which takes every 404 and 401 for fine and no 400.
    """
    if case.meta is None or not case.meta.generation.mode.is_positive or _is_probe(case):
        return
    run = current()
    response, operation = _response(run, received), _operation(case)
    run.recorder.check_all(
        at(operation.id, single_response.rejection(run.recorder.context, operation, response)), response
    )


CHECKS = (contract_rules, valid_request_is_not_refused)
"""Our own checks, which schemathesis runs with its own."""


def validate(run: Run, case: Case) -> None:
    """Send a case and check its response, by schemathesis's checks and ours.

    Raises:
        Finding: A rule is broken that fails the run.
        Findings: Several are.
    """
    check(run, case, send(run, case))


def send(run: Run, case: Case) -> ReceivedResponse:
    """Send a case.

    Raises:
        Finding: No response arrived that could be checked.
        Findings: The same, and it began.
    """
    try:
        return case.call()
    except NoResponseError as error:
        raise run.recorder.unanswered(error) from None


def check(run: Run, case: Case, received: ReceivedResponse, **options: Any) -> None:
    """Check a response by the contract, and report by its rules what schemathesis found.

    Raises:
        Finding: A rule is broken that fails the run.
        Findings: Several are.
    """
    try:
        case.validate_response(received, **options)
    except NoResponseError as error:
        raise run.recorder.unanswered(error) from None
    except FailureGroup as group:
        response = _response(run, received)
        findings = [finding for failure in group.exceptions for finding in _findings(run, failure, response)]
    else:
        return
    if ranges.is_in_parts(response):
        findings = [one for one in findings if one.rule not in {RuleId.R39, RuleId.R40}]
    serious = [finding for finding in findings if run.settings.strict or finding.level == "must"]
    for finding in findings:
        if finding not in serious:
            run.log.count_reported(finding)
    if serious:
        raise serious[0] if len(serious) == 1 else Findings(serious)


def _findings(run: Run, failure: BaseException, response: Response) -> list[Finding]:
    if isinstance(failure, CustomFailure) and isinstance(failure.exception, Findings):
        return failure.exception.findings
    if not isinstance(failure, Failure):
        raise failure
    rule = next((RULES_OF_CHECKS[check] for check in failure.checks if check in RULES_OF_CHECKS), RuleId.R36)
    if rule == RuleId.R36 and not response.is_success:
        rule = RuleId.R37
    return [run.recorder.finding(rule, run.settings.redactor.text(f"{failure.operation}: {failure}"), response)]
