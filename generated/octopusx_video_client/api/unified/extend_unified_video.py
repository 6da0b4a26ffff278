from http import HTTPStatus
from typing import Any

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.extend_unified_video_request import ExtendUnifiedVideoRequest
from ...models.open_ai_error_response import OpenAIErrorResponse
from ...models.submitted_task import SubmittedTask
from ...models.task_error_response import TaskErrorResponse
from ...types import Response


def _get_kwargs(
    *,
    body: ExtendUnifiedVideoRequest,
) -> dict[str, Any]:
    headers: dict[str, Any] = {}

    _kwargs: dict[str, Any] = {
        "method": "post",
        "url": "/v1/video/extend",
    }

    _kwargs["json"] = body.to_dict()

    headers["Content-Type"] = "application/json"

    _kwargs["headers"] = headers
    return _kwargs


request_arguments = _get_kwargs
"""The arguments that httpx makes the request of this operation from."""


def _parse_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> OpenAIErrorResponse | TaskErrorResponse | SubmittedTask | None:
    if response.status_code == 200:
        response_200 = SubmittedTask.from_dict(response.json())

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

    if response.status_code == 413:

        def _parse_response_413(
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

        response_413 = _parse_response_413(response.json())

        return response_413

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
) -> Response[OpenAIErrorResponse | TaskErrorResponse | SubmittedTask]:
    return Response(
        status_code=HTTPStatus(response.status_code),
        content=response.content,
        headers=response.headers,
        parsed=_parse_response(client=client, response=response),
    )


def sync_detailed(
    *,
    client: AuthenticatedClient | Client,
    body: ExtendUnifiedVideoRequest,
) -> Response[OpenAIErrorResponse | TaskErrorResponse | SubmittedTask]:
    """Extend a video of the Unified Video routes

     `extendVideo` with the source task in the body. Choose it when the source was made through
    `/v1/video/create`, and follow the new task with `queryUnifiedVideo`. The new video is as long as
    that of `extendVideo`.

    **Never send it again when in doubt**: a second accepted request is a second, billed video.

    Args:
        body (ExtendUnifiedVideoRequest): Body of `extendUnifiedVideo`. Fields that are not listed
            are passed on.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[OpenAIErrorResponse | TaskErrorResponse | SubmittedTask]
    """

    kwargs = _get_kwargs(
        body=body,
    )

    response = client.get_httpx_client().request(
        **kwargs,
    )

    return _build_response(client=client, response=response)


def sync(
    *,
    client: AuthenticatedClient | Client,
    body: ExtendUnifiedVideoRequest,
) -> OpenAIErrorResponse | TaskErrorResponse | SubmittedTask | None:
    """Extend a video of the Unified Video routes

     `extendVideo` with the source task in the body. Choose it when the source was made through
    `/v1/video/create`, and follow the new task with `queryUnifiedVideo`. The new video is as long as
    that of `extendVideo`.

    **Never send it again when in doubt**: a second accepted request is a second, billed video.

    Args:
        body (ExtendUnifiedVideoRequest): Body of `extendUnifiedVideo`. Fields that are not listed
            are passed on.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        OpenAIErrorResponse | TaskErrorResponse | SubmittedTask
    """

    return sync_detailed(
        client=client,
        body=body,
    ).parsed


async def asyncio_detailed(
    *,
    client: AuthenticatedClient | Client,
    body: ExtendUnifiedVideoRequest,
) -> Response[OpenAIErrorResponse | TaskErrorResponse | SubmittedTask]:
    """Extend a video of the Unified Video routes

     `extendVideo` with the source task in the body. Choose it when the source was made through
    `/v1/video/create`, and follow the new task with `queryUnifiedVideo`. The new video is as long as
    that of `extendVideo`.

    **Never send it again when in doubt**: a second accepted request is a second, billed video.

    Args:
        body (ExtendUnifiedVideoRequest): Body of `extendUnifiedVideo`. Fields that are not listed
            are passed on.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[OpenAIErrorResponse | TaskErrorResponse | SubmittedTask]
    """

    kwargs = _get_kwargs(
        body=body,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    *,
    client: AuthenticatedClient | Client,
    body: ExtendUnifiedVideoRequest,
) -> OpenAIErrorResponse | TaskErrorResponse | SubmittedTask | None:
    """Extend a video of the Unified Video routes

     `extendVideo` with the source task in the body. Choose it when the source was made through
    `/v1/video/create`, and follow the new task with `queryUnifiedVideo`. The new video is as long as
    that of `extendVideo`.

    **Never send it again when in doubt**: a second accepted request is a second, billed video.

    Args:
        body (ExtendUnifiedVideoRequest): Body of `extendUnifiedVideo`. Fields that are not listed
            are passed on.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        OpenAIErrorResponse | TaskErrorResponse | SubmittedTask
    """

    return (
        await asyncio_detailed(
            client=client,
            body=body,
        )
    ).parsed
