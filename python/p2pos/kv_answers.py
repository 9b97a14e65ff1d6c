"""What key-value answers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from .wire import instant, version_of

#: ``signed``: the answer brings the replicas' signatures, for :func:`p2pos.verify_receipt`.
ReceiptKind = Literal["plain", "signed"]


@dataclass(frozen=True)
class KvEntry:
    value: bytes
    #: Opaque; greater text is newer.
    version: str
    #: Milliseconds since the epoch.
    expires_at: int | None = None
    #: Who was asked, who answered what and after how many milliseconds.
    explain: Mapping[str, Any] | None = None

    def text(self) -> str:
        """The value as UTF-8."""
        return self.value.decode("utf-8")


@dataclass(frozen=True)
class KvHead:
    version: str
    #: Bytes of the value.
    size: int
    expires_at: int | None = None
    explain: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class KvReceipt:
    key: str
    version: str
    #: Peer ids of those that have it on disk.
    replicas: tuple[str, ...]
    durable: int
    #: With ``cas``: the version of what was replaced; None: nothing was there.
    previous: str | None = None
    explain: Mapping[str, Any] | None = None
    #: With ``receipt="signed"``: for :func:`p2pos.verify_receipt`.
    receipt: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class KvDeletion(KvReceipt):
    existed: bool = False


@dataclass(frozen=True)
class KvPage:
    #: In the order of their UTF-8 bytes.
    keys: tuple[str, ...]
    #: For the next page; None: this was the last.
    cursor: str | None
    #: With ``partial``: slots that no majority answered for, whose keys may be missing.
    missing_slots: tuple[int, ...] = ()


def receipt_of(wire: Mapping[str, Any]) -> KvReceipt:
    return KvReceipt(**_receipt(wire))


def deletion_of(wire: Mapping[str, Any]) -> KvDeletion:
    return KvDeletion(**_receipt(wire), existed=wire["existed"])


def entry_of(wire: Mapping[str, Any]) -> KvEntry:
    return KvEntry(
        value=wire["body"],
        version=version_of(wire["version"]),
        expires_at=_expiry(wire),
        explain=_explanation(wire),
    )


def head_of(wire: Mapping[str, Any]) -> KvHead:
    return KvHead(
        version=version_of(wire["version"]),
        size=int(wire["size"]),
        expires_at=_expiry(wire),
        explain=_explanation(wire),
    )


def page_of(wire: Mapping[str, Any]) -> KvPage:
    return KvPage(tuple(wire["keys"]), wire["cursor"], tuple(wire.get("missingSlots", ())))


def _receipt(wire: Mapping[str, Any]) -> dict[str, Any]:
    names = ("key", "version", "durable", "previous", "explain", "receipt")
    return {**{name: wire.get(name) for name in names}, "replicas": tuple(wire["replicas"])}


def _explanation(wire: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Of what is answered in headers, where it is a text."""
    text = wire.get("explain")
    if text is None:
        return None
    explanation: Mapping[str, Any] = json.loads(text)
    return explanation


def _expiry(wire: Mapping[str, Any]) -> int | None:
    text = wire.get("expiresAt")
    return None if text is None else instant(text)
