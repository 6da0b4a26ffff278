"""What a change of the contract needs in the SDK: nothing, or one edit of the asynchronous client."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CONTRACT = "openapi/openapi.yaml"
ASYNC_CLIENT = "sdk/octopusx_video/_async_client.py"
SUBMIT = ("task_source", "--model", "grok-video-3", "--prompt", "a cat", "--start-time", "4")

COMMAND = """
import functools, json, sys, httpx
from octopusx_video._command import actions, commands
sent, answer = [], json.loads(sys.argv[1])
def respond(request):
    sent.append([request.method, str(request.url), json.loads(request.content or b"null")])
    return httpx.Response(200, json=answer)
actions.OctopusX = functools.partial(actions.OctopusX, transport=httpx.MockTransport(respond))
status = commands.run(sys.argv[2:])
print(json.dumps({"status": status, "sent": sent}))
"""
CALL = """
import json, sys, httpx
from octopusx_video import OctopusX
def respond(request):
    return httpx.Response(200, json={"id": "task_new", "status": str(request.url)})
with OctopusX("sk-test", transport=httpx.MockTransport(respond)) as client:
    print(client.videos.remix("task_source", model="grok-video-3", prompt="a cat").status)
"""


class Tree:
    """A copy of what the SDK is made from."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        for name in ("openapi", "generated", "sdk"):
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(ROOT / "pyproject.toml", folder)

    def edit(self, name: str, change: Callable[[str], str]) -> None:
        """Change the text of a file."""
        path = self._folder / name
        before = path.read_text("utf-8")
        after = change(before)
        assert after != before
        path.write_text(after, "utf-8")

    def insert(self, name: str, before: str, text: str, kind: str = "") -> None:
        """Insert a text before another one, where that is first, or first in a class."""

        def change(whole: str) -> str:
            at = whole.index(before, whole.index(f"class {kind}:") if kind else 0)
            return whole[:at] + text + whole[at:]

        self.edit(name, change)

    def generate(self) -> None:
        """What `nox -s generate` does."""
        self._run("generated/regenerate.py")

    def command(
        self, *arguments: str, answer: object = None, status: int = 0
    ) -> tuple[list[str], list[tuple[str, str, object]]]:
        """Run the command against a service with one answer. Returns the lines that it printed, and what it sent."""
        *lines, last = self._run("-c", COMMAND, json.dumps(answer), *arguments).splitlines()
        ended = json.loads(last)
        assert ended["status"] == status, lines
        return lines, [tuple(one) for one in ended["sent"]]

    def call(self) -> str:
        """What CALL prints."""
        return self._run("-c", CALL).strip()

    def _run(self, *arguments: str) -> str:
        path = os.pathsep.join(str(self._folder / name) for name in ("openapi", "generated", "sdk"))
        environment = {**os.environ, "PYTHONPATH": path, "OCTOPUSX_API_KEY": "sk-test", "COLUMNS": "200"}
        command = [sys.executable, *arguments]
        done = subprocess.run(command, cwd=self._folder, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    """A copy of this checkout, to change."""
    return Tree(tmp_path)


NEW = {"id": "task_new", "status": "queued"}


@pytest.mark.parametrize("unified", [False, True])
def test_a_new_field_of_a_request(tree: Tree, unified: bool) -> None:  # noqa: FBT001
    """One argument with its description: the option, its choices and its help, and the body follow."""
    tree.insert(
        CONTRACT,
        "    TaskStatus:\n" if unified else "    CreateVideoExtensionRequest:\n",
        "        watermark_place:\n"
        "          description: Where the `mark` is (if any). More is not known.\n"
        "          type: integer\n"
        "          enum: [1, 2]\n"
        "          x-grade:\n"
        "            inferred: A field for a test.\n"
        "          x-enum-grades:\n"
        "            '1':\n"
        "              inferred: A value for a test.\n"
        "            '2':\n"
        "              inferred: A value for a test.\n",
    )
    kind = "AsyncUnified" if unified else "AsyncVideos"
    argument, entry = "        watermark_place: int | None = None,\n", "            watermark_place: 1 or 2.\n"
    tree.insert(ASYNC_CLIENT, "        extra: Mapping[str, Any] | None", argument, kind)
    tree.insert(ASYNC_CLIENT, "            extra: Fields that", entry, kind)
    tree.generate()
    lines, _ = tree.command("extend", "--help")
    assert re.search(r"--watermark-place \[1\|2\] +Where the mark is\.$", "\n".join(lines), re.MULTILINE)
    family, other = (["--unified"], []) if unified else ([], ["--unified"])
    _, sent = tree.command("extend", *SUBMIT, "--watermark-place", "2", *family, answer=NEW)
    body = {"model": "grok-video-3", "prompt": "a cat", "start_time": 4, "watermark_place": 2}
    [(*_, sent_body)] = sent
    assert sent_body == body | ({"task_id": "task_source"} if unified else {})
    _, sent = tree.command("extend", *SUBMIT, "--watermark-place", "2", *other, answer=NEW, status=2)
    assert sent == []


def test_a_new_value_of_a_field(tree: Tree) -> None:
    """Nothing but the contract is edited, and the command takes the value and sends it."""
    tree.edit(CONTRACT, lambda text: text.replace("enum: [6, 10, 15]", "enum: [6, 10, 15, 20]"))
    tree.insert(CONTRACT, "        '15':\n", "        '20':\n          inferred: A value for a test.\n")
    tree.generate()
    _, sent = tree.command("extensions", *SUBMIT, "--duration", "20", answer=NEW)
    [(*_, body)] = sent
    assert isinstance(body, dict)
    assert body["duration"] == 20


@pytest.mark.parametrize(
    ("old", "new", "answer"),
    [
        ("video_url", "video_link", {"video_link": "https://example.com/a.mp4"}),
        ("video_url", "video_link", {"metadata": {"url": "https://example.com/a.mp4"}}),
        ("progress", "percentage", {"percentage": "42%", "url": "https://example.com/a.mp4"}),
    ],
    ids=["address", "another address", "progress"],
)
def test_a_renamed_field_of_a_response(tree: Tree, old: str, new: str, answer: dict[str, object]) -> None:
    """Nothing but the contract is edited, and the command shows the value."""
    tree.edit(CONTRACT, lambda text: re.sub(rf"(?<![\w/.-]){old}(?=[:,\]])", new, text))
    tree.generate()
    lines, _ = tree.command("status", "task_old", answer={"id": "task_old", "status": "completed", **answer})
    progress = " 42 %" if old == "progress" else ""
    assert lines == [f"task_old completed{progress} https://example.com/a.mp4"]


def test_a_new_submit(tree: Tree) -> None:
    """One method of the asynchronous client, and the synchronous one has it too."""

    def added(text: str) -> str:
        path = re.search(r"  /v1/videos/{video_id}/extend:\n(?:    .*\n|\n)+", text)
        assert path
        other = path[0].replace("/extend:", "/remix:").replace("operationId: extendVideo", "operationId: remixVideo")
        text = text.replace(path[0], path[0] + other)
        text = text.replace("[extendVideo, ", "[extendVideo, remixVideo, ")
        return text.replace(
            "      extendVideo: [getVideoTask]\n",
            "".join(f"      {name}: [getVideoTask]\n" for name in ("extendVideo", "remixVideo")),
        )

    def method(text: str) -> str:
        begin, end = text.index("    async def extend("), text.index("    async def retrieve(")
        remix = text[begin:end].replace("def extend(", "def remix(").replace("extendVideo", "remixVideo")
        return text[:end] + remix + text[end:]

    tree.edit(CONTRACT, added)
    tree.edit(ASYNC_CLIENT, method)
    tree.generate()
    assert tree.call().endswith("/v1/videos/task_source/remix")
