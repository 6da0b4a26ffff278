"""The four everyday changes of the contract, each on a copy of the repository (`nox -s changes [-- NAME ...]`).

For each change a person edits the contract, runs ``nox -s generate``, and edits what that command still asks for. Then
the tests of what the change touches pass, and so do the demo of the SDK and the suite against the project's own mock.
The tracked files that the person has edited are counted. What the person forgets has to be named by that command, with
file and line.

Exit status: 0 every change needs no more files than it may, 1 not.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
CONTRACT = "openapi/openapi.yaml"
CLIENT = "sdk/octopusx_video/_async_client.py"
PACKAGES = ("contract_tests", "generated", "mock", "openapi", "sdk")
GENERATE = (sys.executable, "generated/regenerate.py")
DEMO = (sys.executable, "docs/demo.py")
"""Both extends through the SDK to the mock, and the suite against the mock."""

Edit = Callable[[str], str]


class UnexpectedError(Exception):
    """A change did not go as it has to. The text says how."""


@dataclass(frozen=True)
class Step:
    """A file that a person edits.

    Attributes:
        file: The file, from the root.
        edit: Gives the new text of the file.
        forgotten: What the first command says where this step is left out, a pattern of one of its lines; "" where the
            change is not begun without the step.
    """

    file: str
    edit: Edit
    forgotten: str = ""


@dataclass(frozen=True)
class Mistake:
    """The contract edited in part.

    Attributes:
        edit: Gives the text of the contract in which something was forgotten.
        named: The line that the first command has to print, as a pattern; it is at the beginning of a line.
    """

    edit: Edit
    named: str


@dataclass(frozen=True)
class Change:
    """An everyday change.

    Attributes:
        name: How the command line calls it.
        title: What changes.
        steps: What a person edits, the contract first.
        mistakes: How the edit of the contract is made in part.
        tests: The test files of what it touches.
    """

    name: str
    title: str
    steps: tuple[Step, ...]
    mistakes: tuple[Mistake, ...]
    tests: tuple[str, ...]


def replaced(old: str, new: str, times: int = 1) -> Edit:
    """The edit that puts one text in the place of another, which has to stand there so often."""

    def edit(text: str) -> str:
        if text.count(old) != times:
            raise UnexpectedError(
                f"{old!r} stands there {text.count(old)} times, not {times}; adapt {Path(__file__).name}"
            )
        return text.replace(old, new)

    return edit


def renamed(old: str, new: str, but: str = "") -> Edit:
    """The edit that renames a word everywhere, but for the lines with a certain text."""

    def edit(text: str) -> str:
        word = re.compile(rf"\b{old}\b")
        return "".join(line if but and but in line else word.sub(new, line) for line in text.splitlines(keepends=True))

    return edit


def first(before: str, new: str) -> Edit:
    """The edit that inserts a text behind the first occurrence of another one."""

    def edit(text: str) -> str:
        if before not in text:
            raise UnexpectedError(f"{before!r} is not there; adapt {Path(__file__).name}")
        return text.replace(before, before + new, 1)

    return edit


def all_of(*edits: Edit) -> Edit:
    """Several edits in turn."""

    def edit(text: str) -> str:
        for one in edits:
            text = one(text)
        return text

    return edit


_CONTRACT_TESTS = (
    "tests/openapi/test_document.py",
    "tests/openapi/test_package.py",
    "tests/generated/test_regenerate.py",
)
_SERVER_TESTS = (
    "tests/mock/test_bad_input.py",
    "tests/mock/test_blueprint.py",
    "tests/suite_cases/test_invalid_and_valid_values.py",
    "tests/suite_cases/test_cases.py",
    "tests/suite/test_questions.py",
)
_SDK_TESTS = ("tests/sdk/test_command.py", "tests/sdk/test_sending.py", "tests/sdk/test_surface.py")

_GRADE = """\
        1080P:
          documented: docs.octopusx.ai/en/videos/grok/extend
"""
_SIZE = replaced("      enum: [720P, 1080P]\n", "      enum: [720P, 1080P, 2160P]\n")
_IS_NO_FIELD = '"video_url" is not a field'

ENUM = Change(
    "enum",
    "one more value of an enumeration (size: 2160P)",
    (Step(CONTRACT, all_of(_SIZE, replaced(_GRADE, _GRADE + _GRADE.replace("1080P", "2160P")))),),
    (Mistake(_SIZE, r'x-enum-grades.*"2160P" is missing'),),
    (*_CONTRACT_TESTS, *_SERVER_TESTS, *_SDK_TESTS, "tests/openapi/test_model.py", "tests/mock/test_task_life.py"),
)
RENAME = Change(
    "rename",
    "a renamed response field (video_url becomes result_url)",
    (Step(CONTRACT, renamed("video_url", "result_url")),),
    (
        Mistake(renamed("video_url", "result_url", but="{maxLength: 0}"), f"{_IS_NO_FIELD} of these responses"),
        Mistake(renamed("video_url", "result_url", but="video_url: null"), f"{_IS_NO_FIELD} that the schema of this"),
    ),
    # Not those that have bodies with the old name of their own.
    (*_CONTRACT_TESTS, *_SERVER_TESTS),
)
_SEED = """\
        seed:
          description: Number from which the result can be repeated.
          type: integer
          minimum: 0
          x-grade:
            documented: docs.octopusx.ai/en/videos/grok/extend
"""
_SEED_SHOWN = _SEED.replace("          x-grade", "          examples: [7]\n          x-grade")
_END_OF_EXTEND = "    CreateVideoExtensionRequest:\n"
FIELD = Change(
    "field",
    "an optional request field (seed, an integer)",
    (
        Step(CONTRACT, replaced(_END_OF_EXTEND, f"{_SEED_SHOWN}{_END_OF_EXTEND}")),
        Step(
            CLIENT,
            all_of(
                first("        upscale: bool | None = None,\n", "        seed: int | None = None,\n"),
                first(
                    "            upscale: Whether it is enhanced to high definition.\n",
                    "            seed: Number from which the result can be repeated.\n",
                ),
            ),
            "AsyncVideos.extend does not take the field `seed`",
        ),
    ),
    (Mistake(replaced(_END_OF_EXTEND, f"{_SEED}{_END_OF_EXTEND}"), 'properties.seed: "examples" is missing'),),
    (*_CONTRACT_TESTS, *_SERVER_TESTS, *_SDK_TESTS),
)

_NEXT_PATH = "  /v1/videos/extensions:\n"
_REMIX = """\
  /v1/videos/{video_id}/remix:
    post:
      operationId: remixVideo
      tags: [videos]
      summary: Make a video again after another prompt
      description: Starts a new task. Its video is as long as that of `video_id`.
      x-grade: {inferred: Made up for a trial of a new operation.}
      x-result-length:
        unit: seconds
        as-long-as: source video
        x-grade: {inferred: Made up for a trial of a new operation.}
      parameters:
        - name: video_id
          in: path
          required: true
          description: Id of the finished source task.
          schema:
            $ref: '#/components/schemas/TaskId'
          example: grok:48a67431-0708-46d1-9ab9-83cb84700153
          x-grade: {inferred: Made up for a trial of a new operation.}
      requestBody:
        required: true
        content:
          application/json:
            schema:
              $ref: '#/components/schemas/RemixVideoRequest'
            examples:
              shortest:
                value: {model: grok-video-3, prompt: the cat falls asleep}
      responses:
        '200':
          description: The task was accepted and is billed; `id` is the new task.
          x-billed: 'yes'
          x-grade: {inferred: Made up for a trial of a new operation.}
          headers:
            X-Oneapi-Request-Id:
              $ref: '#/components/headers/RequestId'
          content:
            application/json:
              schema:
                $ref: '#/components/schemas/SubmittedTask'
              examples:
                processing:
                  $ref: '#/components/examples/SubmittedProcessing'
          links:
            GetVideoTask:
              $ref: '#/components/links/GetVideoTask'
            DownloadVideoContent:
              $ref: '#/components/links/DownloadVideoContent'
        '400': {$ref: '#/components/responses/SubmitInvalid'}
        '401': {$ref: '#/components/responses/Unauthorized'}
        '403': {$ref: '#/components/responses/SubmitForbidden'}
        '404': {$ref: '#/components/responses/SubmitNotFound'}
        '413': {$ref: '#/components/responses/SubmitTooLarge'}
        '429': {$ref: '#/components/responses/SubmitRateLimited'}
        '500': {$ref: '#/components/responses/SubmitServerError'}
        '503': {$ref: '#/components/responses/SubmitUnavailable'}

"""
_REMIX_BODY = """\
    RemixVideoRequest:
      description: Body of `remixVideo`. Fields that are not listed are passed on.
      type: object
      required: [model, prompt]
      properties:
        model:
          $ref: '#/components/schemas/ModelName'
          x-grade: {inferred: Made up for a trial of a new operation.}
        prompt:
          $ref: '#/components/schemas/Prompt'
          x-grade: {inferred: Made up for a trial of a new operation.}
"""
_REMIX_METHOD = '''\
    async def remix(
        self, video_id: TaskOrId, *, model: str, prompt: str, extra: Mapping[str, Any] | None = None
    ) -> SubmittedTask:
        """Make a video again after another prompt (``remixVideo``). **Costs money**, and is sent once.

        Args:
            video_id: The finished task, or its id.
            model: Which model makes the video, for example ``grok-video-3``.
            prompt: What happens in it.
            extra: Fields that the contract does not list, passed on as they are.

        Returns:
            The new task. Keep its id: it is what was paid for.

        Raises:
            NotSentError: Something is not allowed, or no connection was made. Nothing was billed.
            RefusedError: The service refused it, and did not bill it.
            AmbiguousSubmitError: It may exist and **may be billed**.
        """
        return await self._driver.run(calls.submit(self._context, "remixVideo", locals()))

'''
_EXTENSIONS = "        self.extensions = AsyncExtensions(context, driver)\n\n"


def _in_rules(text: str) -> str:
    """The operation in each rule about submits, beside extendVideo."""
    head, rules = text.split("\nx-rules:\n")
    rules = rules.replace("[extendVideo, ", "[extendVideo, remixVideo, ")
    return f"{head}\nx-rules:\n{rules}"


_READ_BY = "      extendVideo: [getVideoTask]\n"
_PATH = all_of(replaced(_NEXT_PATH, _REMIX + _NEXT_PATH), replaced(_END_OF_EXTEND, _REMIX_BODY + _END_OF_EXTEND))
OPERATION = Change(
    "operation",
    "a new operation (remixVideo, a submit)",
    (
        Step(CONTRACT, all_of(_PATH, _in_rules, first(_READ_BY, _READ_BY.replace("extendVideo", "remixVideo")))),
        Step(CLIENT, replaced(_EXTENSIONS, _EXTENSIONS + _REMIX_METHOD), "no method sends remixVideo"),
    ),
    (Mistake(all_of(_PATH, _in_rules), "read-by.*remixVideo"),),
    (*_CONTRACT_TESTS, *_SERVER_TESTS, *_SDK_TESTS),
)
CHANGES: tuple[Change, ...] = (FIELD, ENUM, RENAME, OPERATION)


class Copy:
    """A copy of the tracked files of the repository, with a git repository of its own.

    Args:
        folder: Where it is made.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in _git(ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0"):
            if name and (ROOT / name).is_file():
                target = folder / name
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, target)
        _git(folder, "init", "--quiet")
        self.keep()

    def keep(self) -> None:
        """Take the files as they are for those that nobody has edited."""
        _git(self.folder, "add", "--all", "--force")
        author = ("-c", "user.name=changes", "-c", "user.email=changes@example.com")
        _git(self.folder, *author, "commit", "--quiet", "--no-verify", "--allow-empty", "--message", "before")

    def undo(self) -> None:
        """Put every file back."""
        _git(self.folder, "reset", "--quiet", "--hard")
        _git(self.folder, "clean", "--quiet", "-d", "--force")

    def edit(self, file: str, edit: Edit) -> None:
        """Edit a file as a person would."""
        path = self.folder / file
        path.write_text(edit(path.read_text("utf-8")), "utf-8")

    def edited(self) -> list[str]:
        """The tracked files that are not what they were."""
        return sorted(line[3:] for line in _git(self.folder, "status", "--porcelain").splitlines())

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command with the packages of the copy."""
        paths = os.pathsep.join(str(self.folder / package) for package in PACKAGES)
        return subprocess.run(
            command,
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": paths, "PYTHONDONTWRITEBYTECODE": "1", "OCTOPUSX_API_KEY": "sk-test"},
            capture_output=True,
            text=True,
            check=False,
        )

    def succeed(self, what: str, *command: str) -> str:
        """Run a command that has to succeed. Returns what it printed.

        Raises:
            UnexpectedError: It failed; with the end of what it printed.
        """
        done = self.run(*command)
        if done.returncode != 0:
            said = "\n".join((done.stdout + done.stderr).splitlines()[-40:])
            raise UnexpectedError(f"{what} ended with status {done.returncode}:\n{said}")
        return done.stdout


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the changes, print what each took, and return the exit status."""
    names = sys.argv[1:] if arguments is None else list(arguments)
    known = {change.name: change for change in CHANGES}
    unknown = [name for name in names if name not in known]
    if unknown:
        print(f"there is no change {', '.join(unknown)}; there are: {', '.join(known)}", file=sys.stderr)
        return 2
    failed = False
    with tempfile.TemporaryDirectory(prefix="changes-") as scratch:
        copy = Copy(Path(scratch))
        for change in [known[name] for name in names] or CHANGES:
            print(f"{change.name}: {change.title}", flush=True)
            began = time.monotonic()
            try:
                for line in made(copy, change):
                    print(f"  {line}", flush=True)
            except UnexpectedError as error:
                failed = True
                print(f"  FAILED: {error}", flush=True)
            copy.undo()
            print(f"  {time.monotonic() - began:.0f} s", flush=True)
    return int(failed)


def made(copy: Copy, change: Change) -> Iterator[str]:
    """Make a change, and say what it took.

    Raises:
        UnexpectedError: It took more, something that was forgotten was not named, or something is not green.
    """
    for mistake in change.mistakes:
        copy.edit(CONTRACT, mistake.edit)
        yield f"forgotten, and named: {_named(copy, CONTRACT, mistake.named)}"
        copy.undo()
    for step in change.steps:
        if step.forgotten:
            yield f"forgotten, and named: {_named(copy, step.file, step.forgotten)}"
        copy.edit(step.file, step.edit)
    files = copy.edited()
    copy.succeed("nox -s generate", *GENERATE)
    copy.succeed("nox -s drift", *GENERATE, "--check")
    yield f"files edited by hand: {len(files)} ({', '.join(files)})"
    yield f"tests: {_last(copy.succeed('the tests', sys.executable, '-m', 'pytest', '-q', '-n', '2', *change.tests))}"
    yield f"demo and suite: {_last(copy.succeed('the demo', *DEMO))}"


def _named(copy: Copy, file: str, named: str) -> str:
    """The line of ``nox -s generate`` that names what was forgotten, with file and line."""
    done = copy.run(*GENERATE)
    said = done.stdout + done.stderr
    own = re.compile(rf"^(?:error: )?\S*?{re.escape(file)}:[0-9]+: .*?{named}.*$", re.MULTILINE)
    found = own.search(said)
    if found is None:
        raise UnexpectedError(f"nothing names what was forgotten ({named}) in:\n{said}")
    return found[0].removeprefix("error: ").replace(f"{copy.folder}{os.sep}", "")


def _last(said: str) -> str:
    return said.strip().rpartition("\n")[2].strip("= ")


def _git(folder: Path, *arguments: str) -> str:
    return subprocess.run(("git", *arguments), cwd=folder, check=True, capture_output=True, text=True).stdout


if __name__ == "__main__":
    sys.exit(main())
