# Generated from _async_client.py by `nox -s generate`: change that file, and not this one.
"""The synchronous client."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import httpx

from octopusx_video import _defaults
from octopusx_video._drivers import http, setup
from octopusx_video._drivers.sync_driver import Shell
from octopusx_video._flows import calls, reading
from octopusx_video._flows.context import Caller

if TYPE_CHECKING:
    from octopusx_video_client.models import (
        ExtensionDuration,
        SubmittedTask,
        UnifiedVideoTask,
        VideoSize,
        VideoTask,
    )

    from octopusx_video._messages.models import TaskOrId

File = str | PathLike[str]


class OctopusX:
    """The OctopusX video-extension API.

    ``client.videos`` has the OpenAI-format routes (``/v1/videos``), ``client.unified`` the Unified Video ones
    (``/v1/video``). Use it as a context manager, or call ``close``. It may be shared between threads.

    Args:
        api_key: The API key; from the environment variable ``OCTOPUSX_API_KEY`` when left out. It is sent to the API's
            own scheme, host and port alone.
        base_url: Where the API is; from ``OCTOPUSX_BASE_URL`` when left out, else the contract's server. Plain http
            only on this machine.
        timeout: Seconds that a connection and each piece of a response may take, or an ``httpx.Timeout``.
        submit_timeout: Seconds that the whole response to a submit may take after the request was sent; then the submit
            ends in an ``AmbiguousSubmitError``. The gateway waits for its upstream before it answers.
        max_retries: How often a request is repeated that may be: a read, or a submit that surely was not begun.
        retry_for: Within how many seconds, waits included.
        http_client: An ``httpx.Client`` to send with, which is left open; it keeps its own timeout and proxies.
        transport: An httpx transport, in place of a client.
        sleep: Lets so many seconds pass, for tests on a turned clock.
        clock: The clock of deadlines in seconds, for the same.

    Raises:
        NotSentError: There is no key, or something can't be used.
    """

    def __init__(
        self,
        api_key: str | None = None,
        *,
        base_url: str | None = None,
        timeout: float | httpx.Timeout | None = None,
        submit_timeout: float = _defaults.SUBMIT_SECONDS,
        max_retries: int = _defaults.MAX_RETRIES,
        retry_for: float = _defaults.RETRY_SECONDS,
        http_client: httpx.Client | None = None,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], Any] | None = None,
        clock: Callable[[], float] | None = None,
    ) -> None:
        functions = {"sleep": sleep, "clock": clock}
        http.check(http_client, httpx.Client, transport, httpx.BaseTransport, timeout, functions)
        caller = setup.caller(api_key, base_url, max_retries, retry_for, submit_timeout, clock, random.random)
        timeouts = http.timeouts(timeout)
        made = http_client or http.make(httpx.Client, caller.settings, timeouts, transport)
        shell = Shell(made, caller.settings, caller.world.monotonic, sleep, is_ours=http_client is None)
        self._shell = shell
        self._videos = Videos(caller, shell)
        self._unified = Unified(caller, shell)

    @property
    def videos(self) -> Videos:
        """The OpenAI-format routes (``/v1/videos``): ``extend``, ``retrieve``, ``wait``, ``download``."""
        return self._videos

    @property
    def unified(self) -> Unified:
        """The Unified Video routes (``/v1/video``), for tasks that were made there."""
        return self._unified

    @property
    def extensions(self) -> Extensions:
        """The same as ``videos.extensions``."""
        return self._videos.extensions

    def close(self) -> None:
        """Close the connections, unless the httpx client was handed in."""
        self._shell.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}(base_url={self.videos._caller.settings.base_url!r})"  # noqa: SLF001 - our own


class Videos:
    """The OpenAI-format routes under ``/v1/videos``. ``extensions`` has the entry point of its own."""

    def __init__(self, caller: Caller, shell: Shell) -> None:
        self._caller = caller
        self._shell = shell
        self.extensions = Extensions(caller, shell)

    def extend(
        self,
        video_id: TaskOrId,
        *,
        model: str,
        prompt: str,
        images: Sequence[str] | None = None,
        size: VideoSize | None = None,
        aspect_ratio: str | None = None,
        start_time: int | None = None,
        upscale: bool | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> SubmittedTask:
        """Extend a video, naming the source task in the path (``extendVideo``). **Costs money**, and is sent once.

        Args:
            video_id: The finished task to continue, or its id.
            model: Which model makes the video, for example ``grok-video-3``.
            prompt: What happens in the added segment.
            images: http, https or data URLs of pictures that guide it.
            size: ``720P`` or ``1080P``.
            aspect_ratio: Width to height, for example ``3:2``.
            start_time: Second of the source from which the new video goes on; from its end when left out.
            upscale: Whether it is enhanced to high definition.
            extra: Fields that the contract does not list, passed on as they are.

        Returns:
            The new task. Keep its id: it is what was paid for.

        Raises:
            NotSentError: Something is not allowed, or no connection was made. Nothing was billed.
            RefusedError: The service refused it, and did not bill it.
            AmbiguousSubmitError: It may exist and **may be billed**.
        """
        return self._shell.run(calls.submit(self._caller, "extendVideo", locals()))

    def retrieve(self, task: TaskOrId) -> VideoTask:
        """Read how a task stands (``getVideoTask``). Costs nothing.

        What the service writes in several ways comes in one: what is empty, null or zero is ``UNSET`` (false), times
        are Unix seconds, progress is a whole percentage, the address of a finished video is in ``video_url``.

        Args:
            task: The task, or its id.

        Raises:
            NotSentError: It is no id, or no connection was made.
            RefusedError: The task is unknown, or the key is refused.
            BrokenAnswerError: No answer came, or none that can be understood.
        """
        return self._shell.run(calls.retrieve(self._caller, reading.VIDEOS, task))

    def wait(
        self,
        task: TaskOrId,
        *,
        timeout: float = _defaults.WAIT_SECONDS,
        poll_interval: float = _defaults.POLL_SECONDS,
        on_progress: Callable[[VideoTask], Any] | None = None,
    ) -> VideoTask:
        """Read a task until it has ended well. Costs nothing, and can be done again with nothing but the id.

        Refusals that pass, answers that break, an id that is not known yet (R04) and a status that is not known are no
        end.

        Args:
            task: The task, or its id.
            timeout: Seconds until it is given up; the task goes on all the same.
            poll_interval: Seconds between the first two reads; the pauses grow to eight times as long.
            on_progress: Is called with the task after each read.

        Raises:
            WaitTimeoutError: It has not ended in time.
            TaskFailedError: It has ended without a video (``TaskCancelledError``, ``TaskExpiredError``,
                ``TaskBlockedError``, ``NoVideoAddressError`` are kinds of it).
            NotSentError: Something can't be used.
            RefusedError: The task stays unknown, or the key is refused.
        """
        flow = calls.wait(self._caller, reading.VIDEOS, task, timeout, poll_interval, on_progress)
        return self._shell.run(flow)

    def download(
        self,
        task: TaskOrId,
        path: File,
        *,
        overwrite: bool = False,
        accept_any: bool = False,
        timeout: float = _defaults.DOWNLOAD_SECONDS,
        on_progress: Callable[[int, int | None], Any] | None = None,
    ) -> Path:
        """Fetch the video of a task that has succeeded, whole or not at all. Costs nothing.

        From the task's address, or else from ``/content`` (``downloadVideoContent``); after a break it goes on from the
        last byte. The file appears under its name when it is a complete mp4 file. A response that is not stays beside
        it, under the name that the error gives.

        Args:
            task: The task, or its id.
            path: Where to; the folder has to be there.
            overwrite: Whether a file that stands there may be replaced.
            accept_any: Whether a response that is no complete mp4 file is saved as it is, where there is none better.
            timeout: Seconds that all of it may take.
            on_progress: Is called with the bytes that arrived and how many there are, None where nothing says so.

        Returns:
            Where it is.

        Raises:
            NotSentError: The path can't be written, or something can't be used.
            DownloadError: It has not ended, or no complete video can be downloaded.
            TaskFailedError: The task has ended without a video.
            RefusedError: The task is unknown, or the key is refused.
            BrokenAnswerError: The task can't be read.
        """
        flow = calls.download(
            self._caller, reading.VIDEOS, task, path, timeout, on_progress, overwrite=overwrite, accept_any=accept_any
        )
        return self._shell.run(flow)

    def extend_and_download(
        self,
        video_id: TaskOrId,
        path: File,
        *,
        model: str,
        prompt: str,
        images: Sequence[str] | None = None,
        size: VideoSize | None = None,
        aspect_ratio: str | None = None,
        start_time: int | None = None,
        upscale: bool | None = None,
        extra: Mapping[str, Any] | None = None,
        overwrite: bool = False,
        accept_any: bool = False,
        timeout: float = _defaults.WAIT_SECONDS,
        poll_interval: float = _defaults.POLL_SECONDS,
        on_submit: Callable[[SubmittedTask], Any] | None = None,
        on_progress: Callable[[VideoTask], Any] | None = None,
    ) -> VideoTask:
        """``extend``, ``wait`` and ``download`` in one. **Costs money**; the submit is sent once.

        The path is looked at first. Whatever goes wrong after the submit carries the ``task_id`` to go on with.

        Args:
            video_id: As ``extend`` has it, as are all that are not named here.
            path: Where the video goes; see ``download``.
            overwrite: Whether a file that stands there may be replaced.
            accept_any: See ``download``.
            timeout: Seconds until the wait is given up.
            poll_interval: See ``wait``.
            on_submit: Is called with the new task as soon as it is known.
            on_progress: Is called with the task after each read.

        Returns:
            The task as it ended.

        Raises:
            OctopusXError: As the three raise them.
        """
        return self._shell.run(calls.submit_and_download(self._caller, reading.VIDEOS, "extendVideo", locals()))


class Extensions:
    """``/v1/videos/extensions``, for batches and orchestration: nothing but the body differs between calls."""

    def __init__(self, caller: Caller, shell: Shell) -> None:
        self._caller = caller
        self._shell = shell

    def create(
        self,
        video: TaskOrId,
        *,
        model: str,
        prompt: str,
        start_time: int,
        duration: ExtensionDuration | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> SubmittedTask:
        """Extend a video, naming the source task in the body (``createVideoExtension``). **Costs money**, sent once.

        Args:
            video: The finished task to continue, or its id; a link to a video is refused.
            model: Which model makes the video, for example ``grok-video-3``.
            prompt: What happens in the added segment.
            start_time: Second of the source from which the new video goes on.
            duration: How many seconds are added: 6, 10 or 15; the service takes 10 when it is left out.
            extra: Fields that the contract does not list, passed on as they are.

        Returns:
            The new task. Keep its id: it is what was paid for.

        Raises:
            NotSentError: Something is not allowed, or no connection was made. Nothing was billed.
            RefusedError: The service refused it, and did not bill it.
            AmbiguousSubmitError: It may exist and **may be billed**.
        """
        return self._shell.run(calls.submit(self._caller, "createVideoExtension", locals()))

    def create_and_download(
        self,
        video: TaskOrId,
        path: File,
        *,
        model: str,
        prompt: str,
        start_time: int,
        duration: ExtensionDuration | None = None,
        extra: Mapping[str, Any] | None = None,
        overwrite: bool = False,
        accept_any: bool = False,
        timeout: float = _defaults.WAIT_SECONDS,
        poll_interval: float = _defaults.POLL_SECONDS,
        on_submit: Callable[[SubmittedTask], Any] | None = None,
        on_progress: Callable[[VideoTask], Any] | None = None,
    ) -> VideoTask:
        """``create``, then wait and download, in one. **Costs money**; the submit is sent once.

        Args and errors are those of ``create`` and of ``Videos.extend_and_download``.

        Returns:
            The task as it ended.
        """
        return self._shell.run(
            calls.submit_and_download(self._caller, reading.VIDEOS, "createVideoExtension", locals())
        )


class Unified:
    """The Unified Video routes under ``/v1/video``, for tasks that were made there."""

    def __init__(self, caller: Caller, shell: Shell) -> None:
        self._caller = caller
        self._shell = shell

    def extend(
        self,
        task_id: TaskOrId,
        *,
        model: str,
        prompt: str,
        images: Sequence[str] | None = None,
        size: VideoSize | None = None,
        aspect_ratio: str | None = None,
        start_time: int | None = None,
        upscale: bool | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> SubmittedTask:
        """Extend a video of the Unified Video routes (``extendUnifiedVideo``). **Costs money**, and is sent once.

        Args:
            task_id: The finished task to continue, or its id.
            model: As ``Videos.extend`` has it, as are the other arguments, and the errors.
            prompt: What happens in the added segment.
            images: URLs of pictures that guide it.
            size: ``720P`` or ``1080P``.
            aspect_ratio: Width to height.
            start_time: Second of the source from which the new video goes on.
            upscale: Whether it is enhanced to high definition.
            extra: Fields that the contract does not list.
        """
        return self._shell.run(calls.submit(self._caller, "extendUnifiedVideo", locals()))

    def retrieve(self, task: TaskOrId) -> UnifiedVideoTask:
        """Read how a task stands (``queryUnifiedVideo``); see ``Videos.retrieve``. It tells no reason of a failure."""
        return self._shell.run(calls.retrieve(self._caller, reading.UNIFIED, task))

    def wait(
        self,
        task: TaskOrId,
        *,
        timeout: float = _defaults.WAIT_SECONDS,
        poll_interval: float = _defaults.POLL_SECONDS,
        on_progress: Callable[[UnifiedVideoTask], Any] | None = None,
    ) -> UnifiedVideoTask:
        """Read a task until it has ended well; see ``Videos.wait``."""
        flow = calls.wait(self._caller, reading.UNIFIED, task, timeout, poll_interval, on_progress)
        return self._shell.run(flow)

    def download(
        self,
        task: TaskOrId,
        path: File,
        *,
        overwrite: bool = False,
        accept_any: bool = False,
        timeout: float = _defaults.DOWNLOAD_SECONDS,
        on_progress: Callable[[int, int | None], Any] | None = None,
    ) -> Path:
        """Fetch the video of a task that has succeeded; see ``Videos.download``."""
        flow = calls.download(
            self._caller, reading.UNIFIED, task, path, timeout, on_progress, overwrite=overwrite, accept_any=accept_any
        )
        return self._shell.run(flow)

    def extend_and_download(
        self,
        task_id: TaskOrId,
        path: File,
        *,
        model: str,
        prompt: str,
        images: Sequence[str] | None = None,
        size: VideoSize | None = None,
        aspect_ratio: str | None = None,
        start_time: int | None = None,
        upscale: bool | None = None,
        extra: Mapping[str, Any] | None = None,
        overwrite: bool = False,
        accept_any: bool = False,
        timeout: float = _defaults.WAIT_SECONDS,
        poll_interval: float = _defaults.POLL_SECONDS,
        on_submit: Callable[[SubmittedTask], Any] | None = None,
        on_progress: Callable[[UnifiedVideoTask], Any] | None = None,
    ) -> UnifiedVideoTask:
        """``extend``, ``wait`` and ``download`` in one; see ``Videos.extend_and_download``. **Costs money**."""
        return self._shell.run(calls.submit_and_download(self._caller, reading.UNIFIED, "extendUnifiedVideo", locals()))
