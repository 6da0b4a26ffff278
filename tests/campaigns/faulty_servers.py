"""Slow: the suite against one server for each response property, which gives that property a value of a wrong type.

`nox -s faulty_servers`. Each server must be caught; the same server without a defect is green (see tests/).
"""

from __future__ import annotations

import pytest
from octopusx_video_openapi import Contract, load

from tests.conftest import Command, Upstream
from tests.faulty import corrupts, faulty_server, response_properties


@pytest.mark.parametrize(("schema", "property_"), response_properties(load()))
def test_a_corrupted_property_is_found(
    run_suite: Command, upstream: Upstream, contract: Contract, schema: str, property_: str
) -> None:
    """The run fails, and a finding names the property."""
    with faulty_server((upstream.host, upstream.port), corrupts(contract, schema, property_)) as server:
        done = run_suite("--base-url", server.base_url, "--seed", "1", "--max-examples", "3", "--fail-fast")
    assert done.returncode == 1, done.stdout
    assert property_ in done.stdout, done.stdout
