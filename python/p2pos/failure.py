"""Every failure is a P2posError with a code of the one table; see the generated ``errors.py``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from .errors import ERRORS

_RETRY_STATUSES = frozenset({408, 429, 502, 503, 504})


class P2posError(Exception):
    """
    :ivar code: as in ``ERRORS``: ``KV_KEY_INVALID``, ``TIMEOUT``, …
    :ivar details: what the text was filled with.
    :ivar status: the HTTP status that belongs to it.
    :ivar retry: whether the same call may succeed later without a change by the caller.
    """

    code: str
    details: Mapping[str, Any]
    status: int
    retry: bool
    #: Nothing reached a node, so asking again does no harm, whatever it was.
    never_sent: bool

    def __init__(
        self, code: str, details: Mapping[str, Any] | None = None, *, never_sent: bool = False
    ) -> None:
        entry = ERRORS[code]
        self.code = code
        self.details = details or {}
        self.status = entry.status
        self.retry = entry.retry
        self.never_sent = never_sent
        super().__init__(_fill(entry.text, self.details))

    def __str__(self) -> str:
        return f"{self.code}: {self.args[0]}"


class RemoteError(P2posError):
    """
    As a node answered it: its own words.

    :ivar code: may be one that this version does not know; then ``retry`` follows from the status.
    :ivar request_id: names the request in the node's log.
    :ivar retry_after_ms: how long the node asks to wait.
    """

    request_id: str | None
    retry_after_ms: float | None

    def __init__(
        self,
        code: str,
        *,
        message: str,
        details: Mapping[str, Any],
        status: int,
        request_id: str | None = None,
        retry_after_ms: float | None = None,
    ) -> None:
        known = code in ERRORS
        super().__init__(code if known else "INTERNAL", details)
        self.code = code
        self.status = status
        if not known:
            self.retry = status in _RETRY_STATUSES
        if message:
            self.args = (message,)
        self.request_id = request_id
        self.retry_after_ms = retry_after_ms


def bad_request(reason: str) -> P2posError:
    return P2posError("BAD_REQUEST", {"reason": reason})


def _fill(text: str, details: Mapping[str, Any]) -> str:
    def value(match: re.Match[str]) -> str:
        name = match[1]
        return str(details[name]) if name in details else match[0]

    return re.sub(r"\{(\w+)\}", value, text)
