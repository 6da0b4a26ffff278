# Generated from _async_client.py by `nox -s generate`: change that file, and not this one.
"""The synchronous client.

A submit returns the plain task and no handle with methods of its own, as in ``extend(...).wait().download(path)``. That
chain would check the path after the paid submit; ``extend_and_download`` checks it before. A handle also belongs to one
client and its connections, while an id can be stored and continued by any client, which needs ``wait(id)`` and
``download(id, path)`` anyway.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Self

import httpx

from octopusx_video import _defaults
from octopusx_video._drivers import setup
from octopusx_video._drivers.sync_driver import Driver
from octopusx_video._flows import calls, downloading, reading, waiting
from octopusx_video._flows.context import CallContext
from octopusx_video._flows.reading import Model, Route

if TYPE_CHECKING:
    from octopusx_video_client.models import ExtensionDuration, SubmittedTask, UnifiedVideoTask, VideoSize, VideoTask

    from octopusx_video._messages.models import TaskOrId

File = str | PathLike[str]


class OctopusX:
    """The OctopusX video-extension API.

    ``client.videos`` has the OpenAI-format routes (``/v1/videos``), ``client.unified`` the Unified Video ones
    (``/v1/video``). Use it as a context manager, or call ``close``. It may be shared between threads.

    Args:
        api_key: The API key; from the environment variable ``OCTOPUSX_API_KEY`` when left out. It is sent to the API's
            own scheme, host and port alone.
        base_url: API base URL; from ``OCTOPUSX_BASE_URL`` when left out, else the contract's server. Plain http only on
            this machine.
        timeout: Seconds that a connection and each piece of a response may take, or an ``httpx.Timeout``.
        submit_timeout: Seconds that the whole response to a submit may take after the request was sent; then the submit
            ends in an ``AmbiguousSubmitError``. The gateway waits for its upstream before it responds.
        max_retries: How often a request is repeated that may be: a read, or a submit that certainly was not begun.
        retry_for: Within how many seconds, pauses included.
        http_client: An ``httpx.Client`` to send with. It is left open, and keeps its own timeout and proxies.
        transport: An httpx transport, in place of a client.
        sleep: Lets so many seconds pass, for tests with a clock of their own.
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
        setup.check(http_client, httpx.Client, transport, httpx.BaseTransport, timeout, functions)
        context = setup.call_context(api_key, base_url, max_retries, retry_for, submit_timeout, clock, random.random)
        made = http_client or setup.http_client(httpx.Client, context.settings, timeout, transport)
        self._driver = Driver(made, context, sleep, is_ours=http_client is None)
        self._context = context
        self._videos = Videos(context, self._driver)
        self._unified = Unified(context, self._driver)

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
        self._driver.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}(base_url={self.videos._context.settings.base_url!r})"  # noqa: SLF001 - our own


class TaskRoutes(Generic[Model]):
    """What the two families of routes have in common: reading a task, waiting for it and downloading its video."""

    _route: Route[Model]

    def __init__(self, context: CallContext, driver: Driver) -> None:
        self._context = context
        self._driver = driver

    def retrieve(self, task: TaskOrId) -> Model:
        """Read the status of a task (``getVideoTask``, or ``queryUnifiedVideo`` in ``unified``). Free.

        Values that the service writes in several ways are normalised: what is empty, null or zero is ``UNSET`` (false),
        times are Unix seconds, progress is a whole percentage, the address of a finished video is in ``video_url``.
        ``unified`` gives no reason for a failure.

        Args:
            task: The task, or its id.

        Raises:
            NotSentError: It is no id, or no connection was made.
            RefusedError: The task is unknown, or the key is refused.
            BrokenAnswerError: No response arrived, or none that can be understood.
        """
        return self._driver.run(reading.retrieve(self._context, self._route, task))

    def wait(
        self,
        task: TaskOrId,
        *,
        timeout: float = _defaults.WAIT_SECONDS,
        poll_interval: float = _defaults.POLL_SECONDS,
        on_progress: Callable[[Model], Any] | None = None,
    ) -> Model:
        """Read a task until it has succeeded. Free, and can be repeated with nothing but the id.

        It keeps reading after refusals that may pass, after incomplete responses, while the id is not known yet (R04),
        and while the status is not known.

        Args:
            task: The task, or its id.
            timeout: Maximum seconds to wait; the task continues after that.
            poll_interval: Seconds between the first two reads; the pauses grow to eight times as long.
            on_progress: Called with the task after each read.

        Raises:
            WaitTimeoutError: It has not ended in time.
            TaskFailedError: It has ended without a video (``TaskCancelledError``, ``TaskExpiredError``,
                ``TaskBlockedError``, ``NoVideoAddressError`` are kinds of it).
            NotSentError: An argument can't be used.
            RefusedError: The task stays unknown, or the key is refused.
        """
        flow = waiting.wait(self._context, self._route, task, timeout, poll_interval, on_progress)
        return self._driver.run(flow)

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
        """Download the video of a task that has succeeded, complete or not at all. Free.

        It is fetched from the task's address, or else from ``/content`` (``downloadVideoContent``), and continued from
        the last byte after a break. The file appears under its name when it is a complete mp4 file. A response that is
        not is kept beside it, under the name that the error gives.

        Args:
            task: The task, or its id.
            path: The file; its directory has to exist.
            overwrite: Whether a file that exists may be replaced.
            accept_any: Whether a response that is no complete mp4 file is saved as it is, if there is none better.
            timeout: Maximum seconds for the download.
            on_progress: Called with the bytes that have arrived, and how many there are, None if that is not known.

        Returns:
            The file.

        Raises:
            NotSentError: The path can't be written, or another argument can't be used.
            DownloadError: It has not ended, or no complete video can be downloaded.
            TaskFailedError: The task has ended without a video.
            RefusedError: The task is unknown, or the key is refused.
            BrokenAnswerError: The task can't be read.
        """
        flow = downloading.download(
            self._context, self._route, task, path, timeout, on_progress, overwrite=overwrite, accept_any=accept_any
        )
        return self._driver.run(flow)


class Videos(TaskRoutes["VideoTask"]):
    """The OpenAI-format routes under ``/v1/videos``. ``extensions`` has the entry point of its own."""

    _route = reading.VIDEOS

    def __init__(self, context: CallContext, driver: Driver) -> None:
        super().__init__(context, driver)
        self.extensions = Extensions(context, driver)

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
            images: http, https or data URLs of reference images.
            size: ``720P`` or ``1080P``.
            aspect_ratio: Width to height, for example ``3:2``.
            start_time: Second of the source from which the new video goes on; from its end when left out.
            upscale: Whether it is enhanced to high definition.
            extra: Fields that the contract does not list, passed on as they are.

        Returns:
            The new task. Keep its id, which is what was paid for.

        Raises:
            NotSentError: An argument is not allowed, or no connection was made. Nothing was billed.
            RefusedError: The service refused it and did not bill it.
            AmbiguousSubmitError: The task may exist and **may be billed**.
        """
        return self._driver.run(calls.submit(self._context, "extendVideo", locals()))

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

        The path is checked first. Every error after the submit carries the ``task_id`` to continue with.

        Args:
            video_id: See ``extend``, also for the arguments that are not listed here.
            path: The file; see ``download``.
            overwrite: Whether a file that exists may be replaced.
            accept_any: See ``download``.
            timeout: Maximum seconds to wait for the task.
            poll_interval: See ``wait``.
            on_submit: Called with the new task as soon as it is known.
            on_progress: Called with the task after each read.

        Returns:
            The task as it ended.

        Raises:
            OctopusXError: Those of ``extend``, ``wait`` and ``download``.
        """
        return self._driver.run(calls.submit_and_download(self._context, reading.VIDEOS, "extendVideo", locals()))


class Extensions:
    """``/v1/videos/extensions``, for batches and orchestration: nothing but the body differs between calls."""

    def __init__(self, context: CallContext, driver: Driver) -> None:
        self._context = context
        self._driver = driver

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
            The new task. Keep its id, which is what was paid for.

        Raises:
            NotSentError: An argument is not allowed, or no connection was made. Nothing was billed.
            RefusedError: The service refused it and did not bill it.
            AmbiguousSubmitError: The task may exist and **may be billed**.
        """
        return self._driver.run(calls.submit(self._context, "createVideoExtension", locals()))

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

        The arguments and errors are those of ``create`` and of ``Videos.extend_and_download``.

        Returns:
            The task as it ended.
        """
        return self._driver.run(
            calls.submit_and_download(self._context, reading.VIDEOS, "createVideoExtension", locals())
        )


class Unified(TaskRoutes["UnifiedVideoTask"]):
    """The Unified Video routes under ``/v1/video``, for tasks that were made there."""

    _route = reading.UNIFIED

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
            model: See ``Videos.extend``, also for the errors.
            prompt: What happens in the added segment.
            images: URLs of reference images.
            size: ``720P`` or ``1080P``.
            aspect_ratio: Width to height.
            start_time: Second of the source from which the new video goes on.
            upscale: Whether it is enhanced to high definition.
            extra: Fields that the contract does not list.
        """
        return self._driver.run(calls.submit(self._context, "extendUnifiedVideo", locals()))

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
        return self._driver.run(calls.submit_and_download(self._context, self._route, "extendUnifiedVideo", locals()))
