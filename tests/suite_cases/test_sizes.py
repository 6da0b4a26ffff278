"""Sizes come from the whole range that a schema allows: the ends and the usual limits always, others by the seed."""

from __future__ import annotations

import base64
import itertools
from typing import Any

import jsonschema_rs
import pytest
from octopusx_video_contract.cases import sizes
from octopusx_video_contract.cases.sizes import Sizes
from octopusx_video_openapi import Contract, load

from tests.support import documents

CONTRACT = load()
SCHEMAS = documents.document(CONTRACT)["components"]["schemas"]
USUAL = {255, 256, 1_000, 1_024, 4_096, 65_535}


def values(node: dict[str, Any], known: Any, seed: int = 1, most: int | None = None) -> list[Any]:
    """The values of each size of a schema, all of which it takes."""
    validator = jsonschema_rs.Draft202012Validator(documents.schema(CONTRACT, node))
    schema = Contract({"components": {"schemas": {**SCHEMAS, "Sized": node}}}, CONTRACT.path).schemas["Sized"]
    found = [value for _, value in Sizes(seed, "a field", most).values(schema, validator.is_valid, known)]
    assert all(map(validator.is_valid, found))
    return found


@pytest.mark.parametrize(("least", "most"), [(1, 65_536), (0, 2**31 - 1), (3, 20), (7, 7), (300, 300_000)])
def test_ends_and_usual_limits_are_there_and_each_octave(least: int, most: int) -> None:
    """Whatever the seed: both ends, the limits in between with their followers, and one between two powers of two."""
    for seed in range(20):
        found = Sizes(seed, "a field").between(least, most)
        assert found == sorted(set(found))
        assert {least, most} | {n for usual in USUAL for n in (usual, usual + 1) if least <= n <= most} <= set(found)
        assert least <= found[0] <= found[-1] <= most
        assert all(later <= 4 * max(1, earlier) for earlier, later in itertools.pairwise(found))


def test_other_seeds_draw_others() -> None:
    """The same seed and the same name draw the same; together, many seeds leave no gap."""
    assert Sizes(1, "a").between(1, 65_536) == Sizes(1, "a").between(1, 65_536)
    assert Sizes(1, "a").between(1, 65_536) != Sizes(1, "b").between(1, 65_536)
    drawn = {number for seed in range(1_000) for number in Sizes(seed, "a").between(1, 65_536)}
    assert set(range(1, 65)) <= drawn
    assert all(drawn & set(range(low, low + 500)) for low in range(1, 65_000, 500))


def test_few_are_drawn_where_few_are_asked_for() -> None:
    """No more than that many of a kind, not the same with each seed."""
    samples = {tuple(Sizes(seed, "a", 3).between(1, 65_536)) for seed in range(10)}
    assert {len(sample) for sample in samples} == {3}
    assert len(samples) > 5


def test_a_prompt_has_each_length() -> None:
    """Texts of every length up to 65,536 characters, none of which begins or ends in a blank."""
    texts = values(SCHEMAS["Prompt"], "a cat")
    lengths = {len(text) for text in texts}
    assert {1, 255, 256, 257, 1_000, 1_001, 1_024, 1_025, 4_096, 4_097, 65_535, 65_536} <= lengths
    assert all(text == text.strip() for text in texts)


def test_a_length_is_what_is_asked_for() -> None:
    """To the character."""
    assert [length for length in range(1, 3_000) if len(sizes.prose(length)) != length] == []


def test_links_and_data_urls_have_many_lengths() -> None:
    """A link up to 8,000 characters, a data URL up to 65,536 of whole base64."""
    texts = values(documents.resolve(CONTRACT, SCHEMAS["ReferenceImages"]["items"]), "https://example.com/cat.png")
    links = {len(text) for text in texts if text.startswith("https:")}
    assert {255, 256, 1_000, 1_024, 1_025, 4_096, 8_000} <= links
    data = [text for text in texts if text.startswith("data:")]
    assert max(map(len, data)) in range(65_530, 65_537)
    assert len({len(text) for text in data}) == len(data)
    for text in data:
        base64.b64decode(text.partition(",")[2], validate=True)


def test_ids_integers_and_arrays() -> None:
    """Ids of one to 255 characters, integers from the minimum to 2**31 - 1, arrays of none to twelve items."""
    ids = {len(text) for text in values(SCHEMAS["TaskId"], "grok:48a67431")}
    assert {1, 255} <= ids
    assert len(ids) > 8
    numbers = values(SCHEMAS["StartTime"], 4)
    assert {0, 255, 256, 1_000, 1_024, 65_535, 65_536, 2**31 - 1} <= set(numbers)
    arrays = values(SCHEMAS["ReferenceImages"], ["https://example.com/a.png", "https://example.com/b.png"])
    assert [len(array) for array in arrays] == list(range(13))


def test_what_a_schema_limits_is_kept() -> None:
    """The limits of the schema count where it has them; what is listed, an object or a boolean has no sizes."""
    assert {len(text) for text in values({"type": "string", "minLength": 3, "maxLength": 9}, "a cat")} >= {3, 9}
    assert {len(text) for text in values({"type": "string", "minLength": 3, "maxLength": 9}, "a cat")} <= set(range(10))
    assert [len(array) for array in values({"type": "array", "minItems": 2, "maxItems": 5}, [1])] == [2, 3, 4, 5]
    numbers = values({"type": "integer", "minimum": -5, "maximum": 300}, 4)
    assert {-5, 300} <= set(numbers)
    assert values(SCHEMAS["VideoSize"], "720P") == []
    assert values({"type": "boolean"}, known=True) == []
    assert values({"type": "object"}, {}) == []
