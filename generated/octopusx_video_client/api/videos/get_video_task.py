from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.open_ai_error_response import OpenAIErrorResponse
from ...models.task_error_response import TaskErrorResponse
from ...models.video_task import VideoTask
from ...types import Response


def _get_kwargs(
    task_id: str,
) -> dict[str, Any]:

    _kwargs: dict[str, Any] = {
        "method": "get",
        "url": "/v1/videos/{task_id}".format(
            task_id=quote(str(task_id), safe=""),
        ),
    }

    return _kwargs


request_arguments = _get_kwargs
"""The arguments that httpx makes the request of this operation from."""


def _parse_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> OpenAIErrorResponse | TaskErrorResponse | VideoTask | None:
    if response.status_code == 200:
        response_200 = VideoTask.from_dict(response.json())

        return response_200

    if response.status_code == 400:

        def _parse_response_400(
            data: object,
        ) -> OpenAIErrorResponse | TaskErrorResponse:
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                componentsschemas_error_response_type_0 = OpenAIErrorResponse.from_dict(
                    data
                )

                return componentsschemas_error_response_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            if not isinstance(data, dict):
                raise TypeError()
            componentsschemas_error_response_type_1 = TaskErrorResponse.from_dict(data)

            return componentsschemas_error_response_type_1

        response_400 = _parse_response_400(response.json())

        return response_400

    if response.status_code == 401:

        def _parse_response_401(
            data: object,
        ) -> OpenAIErrorResponse | TaskErrorResponse:
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                componentsschemas_error_response_type_0 = OpenAIErrorResponse.from_dict(
                    data
                )

                return componentsschemas_error_response_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            if not isinstance(data, dict):
                raise TypeError()
            componentsschemas_error_response_type_1 = TaskErrorResponse.from_dict(data)

            return componentsschemas_error_response_type_1

        response_401 = _parse_response_401(response.json())

        return response_401

    if response.status_code == 403:

        def _parse_response_403(
            data: object,
        ) -> OpenAIErrorResponse | TaskErrorResponse:
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                componentsschemas_error_response_type_0 = OpenAIErrorResponse.from_dict(
                    data
                )

                return componentsschemas_error_response_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            if not isinstance(data, dict):
                raise TypeError()
            componentsschemas_error_response_type_1 = TaskErrorResponse.from_dict(data)

            return componentsschemas_error_response_type_1

        response_403 = _parse_response_403(response.json())

        return response_403

    if response.status_code == 404:

        def _parse_response_404(
            data: object,
        ) -> OpenAIErrorResponse | TaskErrorResponse:
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                componentsschemas_error_response_type_0 = OpenAIErrorResponse.from_dict(
                    data
                )

                return componentsschemas_error_response_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            if not isinstance(data, dict):
                raise TypeError()
            componentsschemas_error_response_type_1 = TaskErrorResponse.from_dict(data)

            return componentsschemas_error_response_type_1

        response_404 = _parse_response_404(response.json())

        return response_404

    if response.status_code == 429:

        def _parse_response_429(
            data: object,
        ) -> OpenAIErrorResponse | TaskErrorResponse:
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                componentsschemas_error_response_type_0 = OpenAIErrorResponse.from_dict(
                    data
                )

                return componentsschemas_error_response_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            if not isinstance(data, dict):
                raise TypeError()
            componentsschemas_error_response_type_1 = TaskErrorResponse.from_dict(data)

            return componentsschemas_error_response_type_1

        response_429 = _parse_response_429(response.json())

        return response_429

    if response.status_code == 500:

        def _parse_response_500(
            data: object,
        ) -> OpenAIErrorResponse | TaskErrorResponse:
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                componentsschemas_error_response_type_0 = OpenAIErrorResponse.from_dict(
                    data
                )

                return componentsschemas_error_response_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            if not isinstance(data, dict):
                raise TypeError()
            componentsschemas_error_response_type_1 = TaskErrorResponse.from_dict(data)

            return componentsschemas_error_response_type_1

        response_500 = _parse_response_500(response.json())

        return response_500

    if response.status_code == 501:

        def _parse_response_501(
            data: object,
        ) -> OpenAIErrorResponse | TaskErrorResponse:
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                componentsschemas_error_response_type_0 = OpenAIErrorResponse.from_dict(
                    data
                )

                return componentsschemas_error_response_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            if not isinstance(data, dict):
                raise TypeError()
            componentsschemas_error_response_type_1 = TaskErrorResponse.from_dict(data)

            return componentsschemas_error_response_type_1

        response_501 = _parse_response_501(response.json())

        return response_501

    if response.status_code == 503:

        def _parse_response_503(
            data: object,
        ) -> OpenAIErrorResponse | TaskErrorResponse:
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                componentsschemas_error_response_type_0 = OpenAIErrorResponse.from_dict(
                    data
                )

                return componentsschemas_error_response_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            if not isinstance(data, dict):
                raise TypeError()
            componentsschemas_error_response_type_1 = TaskErrorResponse.from_dict(data)

            return componentsschemas_error_response_type_1

        response_503 = _parse_response_503(response.json())

        return response_503

    if client.raise_on_unexpected_status:
        raise errors.UnexpectedStatus(response.status_code, response.content)
    else:
        return None


def _build_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> Response[OpenAIErrorResponse | TaskErrorResponse | VideoTask]:
    return Response(
        status_code=HTTPStatus(response.status_code),
        content=response.content,
        headers=response.headers,
        parsed=_parse_response(client=client, response=response),
    )


def sync_detailed(
    task_id: str,
    *,
    client: AuthenticatedClient | Client,
) -> Response[OpenAIErrorResponse | TaskErrorResponse | VideoTask]:
    """Read a task

     Answers how a task stands. Poll it until the status has ended (see TaskStatus); an unknown
    or missing status is not an end. Polling faster than every few seconds gains nothing: the
    gateway refreshes tasks in passes of its own. Tasks that were submitted through
    `/v1/video/create` are read with `queryUnifiedVideo`.

    Args:
        task_id (str): Id of a task. Many shapes are in use (`grok:UUID`, `video_…`, `task_…`,
            `sora-2:task_…`, a bare UUID): treat it as opaque, and expect a colon in it.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[OpenAIErrorResponse | TaskErrorResponse | VideoTask]
    """

    kwargs = _get_kwargs(
        task_id=task_id,
    )

    response = client.get_httpx_client().request(
        **kwargs,
    )

    return _build_response(client=client, response=response)


def sync(
    task_id: str,
    *,
    client: AuthenticatedClient | Client,
) -> OpenAIErrorResponse | TaskErrorResponse | VideoTask | None:
    """Read a task

     Answers how a task stands. Poll it until the status has ended (see TaskStatus); an unknown
    or missing status is not an end. Polling faster than every few seconds gains nothing: the
    gateway refreshes tasks in passes of its own. Tasks that were submitted through
    `/v1/video/create` are read with `queryUnifiedVideo`.

    Args:
        task_id (str): Id of a task. Many shapes are in use (`grok:UUID`, `video_…`, `task_…`,
            `sora-2:task_…`, a bare UUID): treat it as opaque, and expect a colon in it.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        OpenAIErrorResponse | TaskErrorResponse | VideoTask
    """

    return sync_detailed(
        task_id=task_id,
        client=client,
    ).parsed


async def asyncio_detailed(
    task_id: str,
    *,
    client: AuthenticatedClient | Client,
) -> Response[OpenAIErrorResponse | TaskErrorResponse | VideoTask]:
    """Read a task

     Answers how a task stands. Poll it until the status has ended (see TaskStatus); an unknown
    or missing status is not an end. Polling faster than every few seconds gains nothing: the
    gateway refreshes tasks in passes of its own. Tasks that were submitted through
    `/v1/video/create` are read with `queryUnifiedVideo`.

    Args:
        task_id (str): Id of a task. Many shapes are in use (`grok:UUID`, `video_…`, `task_…`,
            `sora-2:task_…`, a bare UUID): treat it as opaque, and expect a colon in it.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[OpenAIErrorResponse | TaskErrorResponse | VideoTask]
    """

    kwargs = _get_kwargs(
        task_id=task_id,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    task_id: str,
    *,
    client: AuthenticatedClient | Client,
) -> OpenAIErrorResponse | TaskErrorResponse | VideoTask | None:
    """Read a task

     Answers how a task stands. Poll it until the status has ended (see TaskStatus); an unknown
    or missing status is not an end. Polling faster than every few seconds gains nothing: the
    gateway refreshes tasks in passes of its own. Tasks that were submitted through
    `/v1/video/create` are read with `queryUnifiedVideo`.

    Args:
        task_id (str): Id of a task. Many shapes are in use (`grok:UUID`, `video_…`, `task_…`,
            `sora-2:task_…`, a bare UUID): treat it as opaque, and expect a colon in it.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        OpenAIErrorResponse | TaskErrorResponse | VideoTask
    """

    return (
        await asyncio_detailed(
            task_id=task_id,
            client=client,
        )
    ).parsed
