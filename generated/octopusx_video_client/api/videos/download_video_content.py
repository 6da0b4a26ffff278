from http import HTTPStatus
from io import BytesIO
from typing import Any
from urllib.parse import quote

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.open_ai_error_response import OpenAIErrorResponse
from ...models.task_error_response import TaskErrorResponse
from ...types import UNSET, File, Response, Unset


def _get_kwargs(
    task_id: str,
    *,
    range_: str | Unset = UNSET,
) -> dict[str, Any]:
    headers: dict[str, Any] = {}
    if not isinstance(range_, Unset):
        headers["Range"] = range_

    _kwargs: dict[str, Any] = {
        "method": "get",
        "url": "/v1/videos/{task_id}/content".format(
            task_id=quote(str(task_id), safe=""),
        ),
    }

    _kwargs["headers"] = headers
    return _kwargs


request_arguments = _get_kwargs
"""The arguments that httpx makes the request of this operation from."""


def _parse_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> File | OpenAIErrorResponse | TaskErrorResponse | None:
    if response.status_code == 200:
        response_200 = File(payload=BytesIO(response.content))

        return response_200

    if response.status_code == 206:
        response_206 = File(payload=BytesIO(response.content))

        return response_206

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

    if response.status_code == 416:

        def _parse_response_416(
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

        response_416 = _parse_response_416(response.json())

        return response_416

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

    if response.status_code == 502:

        def _parse_response_502(
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

        response_502 = _parse_response_502(response.json())

        return response_502

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
) -> Response[File | OpenAIErrorResponse | TaskErrorResponse]:
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
    range_: str | Unset = UNSET,
) -> Response[File | OpenAIErrorResponse | TaskErrorResponse]:
    """Download the video of a succeeded task

     Sends the mp4 itself. The page of `getVideoTask` names it as the fallback when the task's
    video URL can't be fetched. The gateway cuts a transfer that takes longer than a minute,
    after a 200: compare what arrived with Content-Length and go on with Range. A dashboard login
    opens it as well as a key does.

    Args:
        task_id (str): Id of a task. Many shapes are in use (`grok:UUID`, `video_…`, `task_…`,
            `sora-2:task_…`, a bare UUID): treat it as opaque, and expect a colon in it.
        range_ (str | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[File | OpenAIErrorResponse | TaskErrorResponse]
    """

    kwargs = _get_kwargs(
        task_id=task_id,
        range_=range_,
    )

    response = client.get_httpx_client().request(
        **kwargs,
    )

    return _build_response(client=client, response=response)


def sync(
    task_id: str,
    *,
    client: AuthenticatedClient | Client,
    range_: str | Unset = UNSET,
) -> File | OpenAIErrorResponse | TaskErrorResponse | None:
    """Download the video of a succeeded task

     Sends the mp4 itself. The page of `getVideoTask` names it as the fallback when the task's
    video URL can't be fetched. The gateway cuts a transfer that takes longer than a minute,
    after a 200: compare what arrived with Content-Length and go on with Range. A dashboard login
    opens it as well as a key does.

    Args:
        task_id (str): Id of a task. Many shapes are in use (`grok:UUID`, `video_…`, `task_…`,
            `sora-2:task_…`, a bare UUID): treat it as opaque, and expect a colon in it.
        range_ (str | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        File | OpenAIErrorResponse | TaskErrorResponse
    """

    return sync_detailed(
        task_id=task_id,
        client=client,
        range_=range_,
    ).parsed


async def asyncio_detailed(
    task_id: str,
    *,
    client: AuthenticatedClient | Client,
    range_: str | Unset = UNSET,
) -> Response[File | OpenAIErrorResponse | TaskErrorResponse]:
    """Download the video of a succeeded task

     Sends the mp4 itself. The page of `getVideoTask` names it as the fallback when the task's
    video URL can't be fetched. The gateway cuts a transfer that takes longer than a minute,
    after a 200: compare what arrived with Content-Length and go on with Range. A dashboard login
    opens it as well as a key does.

    Args:
        task_id (str): Id of a task. Many shapes are in use (`grok:UUID`, `video_…`, `task_…`,
            `sora-2:task_…`, a bare UUID): treat it as opaque, and expect a colon in it.
        range_ (str | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[File | OpenAIErrorResponse | TaskErrorResponse]
    """

    kwargs = _get_kwargs(
        task_id=task_id,
        range_=range_,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    task_id: str,
    *,
    client: AuthenticatedClient | Client,
    range_: str | Unset = UNSET,
) -> File | OpenAIErrorResponse | TaskErrorResponse | None:
    """Download the video of a succeeded task

     Sends the mp4 itself. The page of `getVideoTask` names it as the fallback when the task's
    video URL can't be fetched. The gateway cuts a transfer that takes longer than a minute,
    after a 200: compare what arrived with Content-Length and go on with Range. A dashboard login
    opens it as well as a key does.

    Args:
        task_id (str): Id of a task. Many shapes are in use (`grok:UUID`, `video_…`, `task_…`,
            `sora-2:task_…`, a bare UUID): treat it as opaque, and expect a colon in it.
        range_ (str | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        File | OpenAIErrorResponse | TaskErrorResponse
    """

    return (
        await asyncio_detailed(
            task_id=task_id,
            client=client,
            range_=range_,
        )
    ).parsed
