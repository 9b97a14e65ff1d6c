"""A request per operation, by the contract alone."""

from __future__ import annotations

import json
import ssl
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

import httpx

from .contract import OPERATIONS, Operation
from .failure import P2posError, RemoteError, bad_request


class HttpTransport:
    def __init__(
        self, urls: Sequence[str], headers: Mapping[str, str], tls: ssl.SSLContext | None
    ) -> None:
        self._urls = urls
        # The token goes to the nodes that were named, nowhere else: no redirects, no proxies of the environment.
        self._client = httpx.AsyncClient(
            headers=dict(headers),
            timeout=httpx.Timeout(None, connect=10),
            follow_redirects=False,
            trust_env=False,
            verify=tls if tls is not None else True,
        )

    async def attempt(self, method: str, fields: Mapping[str, Any], node: int) -> Any:
        operation = OPERATIONS[method]
        url = self._urls[node]
        target, headers, body = encode_request(operation, fields)
        try:
            response = await self._client.request(
                operation.method, f"{url}{target}", headers=headers, content=body
            )
        except httpx.HTTPError as error:
            never_sent = isinstance(error, (httpx.ConnectError, httpx.ConnectTimeout))
            reason = str(error) or type(error).__name__
            raise P2posError(
                "NODE_UNREACHABLE", {"url": url, "reason": reason}, never_sent=never_sent
            ) from error
        return decode_answer(operation, response, url)

    async def close(self) -> None:
        await self._client.aclose()


def encode_request(
    operation: Operation, fields: Mapping[str, Any]
) -> tuple[str, dict[str, str], bytes | None]:
    """Path and query, headers, body."""
    target = operation.path
    headers: dict[str, str] = {}
    query: list[str] = []
    for name, value in fields.items():
        if name in operation.params:
            # URLs know `.` and `..` as steps, however they are written.
            if value in (".", ".."):
                raise bad_request('A URL cannot carry "." or ".." as a name.')
            for form in (f"{{{name}}}", f"{{{name}+}}"):
                target = target.replace(form, _quoted(str(value)))
        elif name in operation.query:
            query.append(f"{operation.query[name]}={_quoted(str(value))}")
        elif name in operation.headers:
            headers[operation.headers[name]] = str(value)
        elif name != "body" or operation.body is None:
            raise bad_request(f"There is no input {name}.")
    if query:
        target = f"{target}?{'&'.join(query)}"
    if operation.body is None:
        return target, headers, None
    headers["content-type"] = operation.body
    body = fields.get("body", {})
    return target, headers, body if isinstance(body, bytes) else _json(body)


def decode_answer(operation: Operation, response: httpx.Response, url: str) -> Any:
    if not response.is_success:
        raise _error(response, url)
    if operation.answer is None:
        value = _parse(response.text)
        if value is None:
            raise unexpected(url, "its answer is not JSON")
        return value
    fields: dict[str, Any] = {
        name: response.headers[header]
        for name, header in operation.answer.items()
        if header in response.headers
    }
    if operation.method != "HEAD":
        fields["body"] = response.content
    return fields


def unexpected(url: str, reason: str) -> P2posError:
    return P2posError("ANSWER_UNEXPECTED", {"url": url, "reason": reason})


def _error(response: httpx.Response, url: str) -> P2posError:
    headers = response.headers
    told = _parse(response.text)
    told = told if isinstance(told, dict) else {}
    code = told.get("code", headers.get("x-p2pos-error"))
    if not isinstance(code, str):
        return unexpected(url, f"it answered HTTP {response.status_code}")
    details = told.get("details", _parse(headers.get("x-p2pos-error-details", "{}")))
    message = told.get("message")
    return RemoteError(
        code,
        message=message if isinstance(message, str) else "",
        details=details if isinstance(details, dict) else {},
        status=response.status_code,
        request_id=headers.get("x-request-id"),
        retry_after_ms=_seconds(headers.get("retry-after", "")),
    )


def _seconds(text: str) -> float | None:
    try:
        return float(text) * 1_000
    except ValueError:
        return None


def _parse(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


def _json(value: object) -> bytes:
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False).encode("utf-8")
    except (TypeError, ValueError) as error:
        raise bad_request(f"What is to be sent is no JSON: {error}.") from error


def _quoted(text: str) -> str:
    try:
        return quote(text, safe="")
    except UnicodeEncodeError as error:
        raise bad_request("A name is not well-formed Unicode.") from error
