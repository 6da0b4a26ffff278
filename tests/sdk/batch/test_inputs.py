"""Every job is checked before the first is paid for, and a wrong one is named by its line."""

from __future__ import annotations

import json
import os
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from octopusx_video import NotSentError
from octopusx_video.batch import InvalidJobsError

from tests.support.batches.service import SOURCE, line
from tests.support.batches.trial import Trial, lines, prompt_of

BODY = {"model": "grok-video-3", "prompt": "a", "start_time": 4, "video": {"url": SOURCE}}
HEAD = "custom_id,model,prompt,start_time,duration,video.url"


def wrong(trial: Trial, jobs: Any, **options: Any) -> InvalidJobsError:
    """What is wrong with the jobs of a run, which sends nothing and adds nothing."""
    with pytest.raises(InvalidJobsError) as caught:
        trial.run(jobs, **options)
    assert trial.transport.requests == []
    assert trial.states == {}
    return caught.value


def problem(trial: Trial, text: str) -> str:
    """What is wrong with the second line of a file whose other lines are right."""
    error = wrong(trial, trial.file([line("first"), text, line("last")]))
    assert error.count == 1
    assert error.problems[0].startswith("line 2: ")
    return error.problems[0].removeprefix("line 2: ")


def test_a_line_has_an_id_and_a_body(trial: Trial) -> None:
    """Without a url it is for the operation that the documentation has for batches."""
    assert trial.run(trial.file([line("a")])).counts == {"done": 1}
    assert [call.operation for call in trial.mock.calls if call.method == "POST"] == ["createVideoExtension"]


def test_the_url_picks_the_operation(trial: Trial) -> None:
    """As in the batch files of OpenAI, with the method beside it; a task in the path is the source."""
    plain = {"model": "grok-video-3", "start_time": 4}
    jobs = [
        {"custom_id": "a", "method": "POST", "url": "/v1/videos/extensions", "body": BODY},
        {"custom_id": "b", "url": f"/v1/videos/{SOURCE}/extend", "body": {**plain, "prompt": "b"}},
        {"custom_id": "c", "url": "/v1/video/extend", "body": {**plain, "prompt": "c", "task_id": SOURCE}},
    ]
    assert trial.run(trial.file(jobs)).counts == {"done": 3}
    posts = {prompt_of(one): one.url.path for one in trial.transport.requests if one.method == "POST"}
    assert posts == {
        "a": "/v1/videos/extensions",
        "b": f"/v1/videos/{SOURCE}/extend",
        "c": "/v1/video/extend",
    }


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"method": "GET"}, "method"),
        ({"method": 5}, "method"),
        ({"url": "/v1/videos/extension"}, "url"),
        ({"url": f"/v1/videos/{SOURCE}"}, "url"),
        ({"url": "http://[example"}, "url"),
        ({"url": 5}, "url"),
        ({"url": ""}, "url"),
        ({"body": None}, "body"),
        ({"body": "text"}, "body"),
        ({"body": []}, "body"),
        ({"custom_id": None}, "custom_id"),
        ({"custom_id": 5}, "custom_id"),
        ({"custom_id": ""}, "custom_id"),
        ({"custom_id": "x" * 1025}, "custom_id"),
        ({"custom_id": "half \ud800"}, "custom_id"),
        ({"customid": "a"}, "customid"),
        ({"body": {**BODY, "promt": "a"}}, "promt"),
        ({"body": {**BODY, "video": {"url": SOURCE, "uri": SOURCE}}}, "uri"),
        ({"body": {**BODY, "video": {}}}, "video.url"),
        ({"body": {**BODY, "video": {"url": "https://example.com/cat.mp4"}}}, "video"),
        ({"body": {**BODY, "prompt": ""}}, "prompt"),
        ({"body": {**BODY, "prompt": "half \ud800"}}, "prompt"),
        ({"body": {**BODY, "prompt": 5}}, "prompt"),
        ({"body": {**BODY, "start_time": "4"}}, "start_time"),
        ({"body": {**BODY, "start_time": -1}}, "start_time"),
        ({"body": {name: value for name, value in BODY.items() if name != "model"}}, "model"),
    ],
)
def test_what_is_wrong_with_a_line_is_named(fields: dict[str, Any], named: str, trial: Trial) -> None:
    """A wrong field, a missing one, an unknown one."""
    assert named in problem(trial, json.dumps({**line("second"), **fields}))


def test_an_unknown_field_is_compared_with_the_known_ones(trial: Trial) -> None:
    """The nearest one is proposed."""
    assert "did you mean prompt?" in problem(trial, json.dumps({"custom_id": "b", "body": {**BODY, "promt": "a"}}))


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "nonsense",
        "[1]",
        "5",
        "null",
        '"text"',
        '{"custom_id": "a", "custom_id": "b"}',
        '{"custom_id": "a", "body": {"start_time": NaN}}',
        '{"custom_id": "a", "body": {"start_time": Infinity}}',
        '{"custom_id": "a", "body": ' + "[" * 50_000 + "]" * 50_000 + "}",
        '{"custom_id": "a", "body": {"start_time": ' + "9" * 5000 + "}}",
        json.dumps({**line("a"), "body": {**BODY, "start_time": 77}}).replace("77", "1e999"),
    ],
)
def test_a_line_that_is_no_usable_json_is_named(text: str, trial: Trial) -> None:
    """Broken JSON, JSON that is no object, a name that stands twice, numbers that JSON does not have."""
    assert problem(trial, text)


def test_a_file_that_is_not_utf_8_is_named_by_its_line(trial: Trial) -> None:
    """In JSON Lines and in CSV."""
    path = trial.file([line("a")])
    path.write_bytes(path.read_bytes() + b'{"custom_id": "\xff"}\n')
    assert wrong(trial, path).problems == ("line 2: it is not UTF-8; save the file as UTF-8",)
    table = trial.folder / "jobs.csv"
    table.write_bytes(f"{HEAD}\na,grok-video-3,\xe9,4,,{SOURCE}\n".encode("latin-1"))
    assert "UTF-8" in wrong(trial, table).problems[0]


def test_a_line_far_down_is_found(trial: Trial) -> None:
    """Not JSON on line 812: nothing before it is paid for."""
    texts: list[Any] = list(lines(1000))
    texts[811] = '{"custom_id": '
    error = wrong(trial, trial.file(texts))
    assert (error.count, len(error.problems)) == (1, 1)
    assert error.problems[0].startswith("line 812: it is not JSON")
    assert "line 812" in str(error)


def test_the_first_hundred_wrong_lines_are_listed_and_the_others_counted(trial: Trial) -> None:
    """Each with its number, empty lines counted in it."""
    error = wrong(trial, trial.file(["", *["{"] * 250]))
    assert error.count == 250
    assert [text.split(":")[0] for text in error.problems] == [f"line {number}" for number in range(2, 102)]
    assert str(error).endswith("and 150 more")


def test_an_id_is_that_of_one_job(trial: Trial) -> None:
    """Twice in a file, whether the requests are the same or not."""
    for other in (line("b"), {**line("c"), "custom_id": "b"}):
        error = wrong(trial, trial.file([line("a"), line("b"), other]))
        assert error.problems == ("line 3: the custom_id 'b' is that of an earlier job",)


def test_the_same_body_under_two_ids_is_two_payments(trial: Trial) -> None:
    """It is refused, in whatever order its fields stand, and paid for twice if that is wanted."""
    other = {"custom_id": "b", "body": dict(reversed(line("a")["body"].items()))}
    assert "the same request as the job 'a'" in wrong(trial, trial.file([line("a"), other])).problems[0]
    assert trial.run(trial.file([line("a"), other]), allow_same=True).counts == {"done": 2}
    assert trial.billed == 2


def test_the_same_body_under_another_id_is_refused_by_a_later_run(trial: Trial) -> None:
    """The ledger has the job of the first one."""
    trial.run([line("a")])
    with pytest.raises(InvalidJobsError, match="the same request as the job 'a'"):
        trial.run([{**line("a"), "custom_id": "b"}])
    assert trial.billed == 1


def test_a_number_is_the_same_with_a_fraction_of_zero(trial: Trial) -> None:
    """4 and 4.0 are one number in JSON, so that a program that writes the other one does not pay again."""
    same = {**line("a")["body"], "start_time": 4.0}
    assert "the same request" in wrong(trial, [line("a"), {"custom_id": "b", "body": same}]).problems[0]
    trial.run([line("a")["body"]])
    assert trial.run([same]).counts == {"done": 1}
    assert trial.billed == 1


def test_a_bare_body_has_the_hash_of_its_request_as_its_id(trial: Trial) -> None:
    """So that a later run knows it again, whatever the order of its fields."""
    trial.run(trial.file([BODY, {**BODY, "prompt": "b"}]))
    again = trial.file([dict(reversed(BODY.items())), {**BODY, "prompt": "b", "duration": None}])
    assert trial.run(again).counts == {"done": 2}
    assert trial.billed == 2
    assert all(len(name) == 16 and int(name, 16) for name in trial.states)


def test_a_csv_file_has_the_same_names(trial: Trial) -> None:
    """Nested ones with a dot, numbers as numbers; an empty cell is a field that is left out."""
    path = trial.file([HEAD, f'a,grok-video-3,"one, two",4,6,{SOURCE}', f"b,grok-video-3,b,0,,{SOURCE}"], "jobs.csv")
    assert trial.run(path).counts == {"done": 2}
    bodies = [json.loads(one.content) for one in trial.transport.requests if one.method == "POST"]
    plain = {"model": "grok-video-3", "video": {"url": SOURCE}}
    assert bodies == [
        {**plain, "prompt": "one, two", "start_time": 4, "duration": 6},
        {**plain, "prompt": "b", "start_time": 0},
    ]
    assert set(trial.states) == {"a", "b"}


def test_a_csv_file_may_name_the_operation(trial: Trial) -> None:
    """With truth values and lists in its cells."""
    head = "custom_id,url,method,model,prompt,task_id,upscale,images"
    image = "https://example.com/a.png"
    row = f"a,/v1/video/extend,POST,grok-video-3,p,{SOURCE},true,{image} {image}"
    assert trial.run(trial.file([head, row], "jobs.csv")).counts == {"done": 1}
    (body,) = [json.loads(one.content) for one in trial.transport.requests if one.method == "POST"]
    assert (body["upscale"], body["images"]) == (True, [image, image])


def test_a_csv_file_of_bodies_alone(trial: Trial) -> None:
    """Each job has the same id as the bare body in JSON."""
    path = trial.file(["model,prompt,start_time,video.url", f"grok-video-3,a,4,{SOURCE}"], "jobs.csv")
    trial.run(path)
    assert trial.run(trial.file([BODY])).counts == {"done": 1}
    assert trial.billed == 1


@pytest.mark.parametrize(
    ("rows", "text"),
    [
        ([HEAD, f"a,grok-video-3,p,four,,{SOURCE}"], "line 2: start_time is 'four'; give a number"),
        ([HEAD, f"a,grok-video-3,p,4,,{SOURCE},more"], "line 2: it has 7 values"),
        ([HEAD, "a,grok-video-3,p,4,,"], "line 2: video"),
        ([HEAD, f'a,grok-video-3,"p,4,,{SOURCE}'], "line 2: it is not CSV"),
        (["a,a", "1,2"], "line 1: "),
        (["a,", "1,2"], "line 1: "),
        (["custom_id,video,video.url", "a,b,c"], "line 2: "),
        (["custom_id,prompt,prompt.text", "a,b,c"], "line 2: "),
        ([HEAD.replace("prompt", "promt"), f"a,grok-video-3,p,4,,{SOURCE}"], "did you mean prompt?"),
    ],
)
def test_what_is_wrong_with_a_row_is_named(rows: list[str], text: str, trial: Trial) -> None:
    """A value of the wrong type, too many of them, an open quotation mark, names that contradict each other."""
    assert text in wrong(trial, trial.file(rows, "jobs.csv")).problems[0]


def test_a_truth_value_of_a_row_is_true_or_false(trial: Trial) -> None:
    """Anything else is named."""
    rows = ["custom_id,url,model,prompt,task_id,upscale", f"a,/v1/video/extend,grok-video-3,p,{SOURCE},yes"]
    assert "upscale is 'yes'; give true or false" in wrong(trial, trial.file(rows, "jobs.csv")).problems[0]


@pytest.mark.parametrize("name", ["jobs.jsonl", "jobs.csv"])
def test_a_file_that_changes_while_it_is_read_is_refused(name: str, trial: Trial) -> None:
    """What was read before is not paid for either."""
    rows = [HEAD, *(f"job-{number},grok-video-3,p{number},4,,{SOURCE}" for number in range(300))]
    path = trial.file(rows if name.endswith("csv") else lines(300), name)
    read = os.fstat
    changed: list[Path] = []

    def change(descriptor: int) -> os.stat_result:
        result = read(descriptor)
        if not changed and result.st_ino == path.stat().st_ino:
            changed.append(path)
            with path.open("a", encoding="utf-8") as file:
                file.write(" \n")
        return result

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fstat", change)
        with pytest.raises(NotSentError, match="has changed while it was read"):
            trial.run(path)
    assert changed
    assert trial.transport.requests == []
    assert trial.states == {}


@pytest.mark.parametrize(("name", "text"), [("a.jsonl", ""), ("a.jsonl", "\n \n"), ("a.csv", ""), ("a.csv", HEAD)])
def test_a_file_without_a_job_is_refused(name: str, text: str, trial: Trial) -> None:
    """Nothing in it, or a line of names alone."""
    path = trial.folder / name
    path.write_text(text, "utf-8")
    with pytest.raises(NotSentError, match="there are no jobs"):
        trial.run(path)


def test_a_file_that_cannot_be_read_is_named(trial: Trial) -> None:
    """It is missing, a folder, or no name of a file."""
    for path in (trial.folder / "none.jsonl", trial.folder, "a\0b"):
        with pytest.raises(NotSentError, match="can't be read"):
            trial.run(path)


def test_line_ends_and_marks_of_other_systems_are_read(trial: Trial) -> None:
    """A byte order mark, CRLF, no line break at the end."""
    path = trial.folder / "jobs.jsonl"
    path.write_bytes(b"\xef\xbb\xbf" + b"\r\n".join(json.dumps(one).encode() for one in lines(3)))
    assert trial.run(path).counts == {"done": 3}
    table = trial.folder / "jobs.csv"
    table.write_bytes(b"\xef\xbb\xbf" + f"{HEAD}\r\nz,grok-video-3,z,4,,{SOURCE}\r\n".encode())
    assert trial.run(table).jobs == 4


@pytest.mark.parametrize("name", ["jobs.jsonl", "jobs.csv"])
def test_a_file_of_any_size_is_streamed(name: str, trial: Trial) -> None:
    """A line of 200 MB takes no such memory: it is too long, and the next line is read."""
    path = trial.folder / name
    first = f"{HEAD}\n" if name.endswith("csv") else ""
    with path.open("wb") as file:
        file.write(first.encode())
        file.truncate(200_000_000)
        file.seek(0, os.SEEK_END)
        file.write(b"\n{\n")
    tracemalloc.start()
    try:
        error = wrong(trial, path)
        assert tracemalloc.get_traced_memory()[1] < 50_000_000
    finally:
        tracemalloc.stop()
    assert "longer than" in error.problems[0]


def test_an_object_with_very_many_names_is_read_in_time(trial: Trial) -> None:
    """A name that stands twice is found without comparing each with each."""
    many = ", ".join(f'"{number}": 0' for number in range(300_000))
    assert "'299999' stands in one object twice" in problem(trial, f'{{{many}, "299999": 1}}')


def test_the_text_of_a_problem_is_short(trial: Trial) -> None:
    """However long the wrong value is."""
    for fields in ({"custom_id": ["x" * 10**6]}, {"method": "x" * 10**6}, {"url": "x" * 10**6}, {"x" * 10**6: 1}):
        assert len(problem(trial, json.dumps({**line("b"), **fields}))) < 1000


def test_jobs_are_any_iterable(trial: Trial) -> None:
    """A generator is read once, and a wrong job is named by its place."""

    def given() -> Iterator[dict[str, Any]]:
        yield from lines(3)

    assert trial.run(given()).counts == {"done": 3}
    with pytest.raises(InvalidJobsError, match=r"job 2: it is a number; give a JSON object"):
        trial.run([line("a"), 5])


def test_what_an_iterable_raises_is_raised(trial: Trial) -> None:
    """And nothing of it is added."""

    def given() -> Iterator[dict[str, Any]]:
        yield line("a")
        raise RuntimeError("of the program")

    with pytest.raises(RuntimeError, match="of the program"):
        trial.run(given())
    assert trial.states == {}
    assert trial.transport.requests == []


def test_nothing_is_sent_if_a_later_line_of_an_appended_file_is_wrong(trial: Trial) -> None:
    """What is known stays as it is."""
    trial.run(trial.file(lines(2)))
    before = len(trial.transport.requests)
    with pytest.raises(InvalidJobsError, match="line 4"):
        trial.run(trial.file([*lines(3), "{"]))
    assert len(trial.transport.requests) == before
    assert set(trial.states) == {"job-0", "job-1"}


def test_a_video_of_no_job_is_not_overwritten(trial: Trial) -> None:
    """A file that stands where the video of a new job would, is refused before anything is paid for."""
    place = trial.out / "videos" / "job-1.mp4"
    place.parent.mkdir(parents=True)
    place.write_bytes(b"mine")
    assert "videos/job-1.mp4 exists" in wrong(trial, lines(2)).problems[0]
    assert place.read_bytes() == b"mine"


def test_an_unreadable_file_is_not_a_ledger_error(tmp_path: Path) -> None:
    """The file of jobs is named, and no folder is left that holds half a batch."""
    trial = Trial(tmp_path)
    with pytest.raises(NotSentError, match=r"none\.jsonl can't be read: No such file"):
        trial.run(tmp_path / "none.jsonl")


def test_a_first_run_that_was_refused_decides_nothing(trial: Trial) -> None:
    """Neither the server nor the account nor the shard nor the budget."""
    wrong(trial, [5], base_url="http://127.0.0.1", api_key="sk-another", shard=(1, 2), max_paid=1)
    assert trial.run(lines(2)).counts == {"done": 2}
