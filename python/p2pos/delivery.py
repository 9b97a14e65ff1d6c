"""
A receipt of delivery, verified offline: the statements of nodes that a published message reached them, for so many of their
clients. Each signs ``p2pos/delivery/1`` ‖ 0x00 ‖ canonical {at, clients, header, systemId}; the header names the message and
the hash of its data. Needs the package ``cryptography``: ``pip install p2pos[receipts]``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from . import cbor
from .failure import P2posError
from .peer_id import public_key_of
from .proof import is_signed, is_whole, opened, refused, whole
from .wire import from_blob

PURPOSE = b"p2pos/delivery/1\x00"
MAX_HEADER_BYTES = 2_048
MAX_STATEMENTS = 1_024


@dataclass(frozen=True)
class DeliveredMessage:
    app: str
    topic: str
    publisher: str
    incarnation: int
    seq: int
    #: By the publisher's clock, milliseconds since the epoch.
    at: int
    #: SHA-256 and length of the data.
    hash: bytes
    bytes: int


@dataclass(frozen=True)
class VerifiedDelivery:
    message: DeliveredMessage
    #: Who signed, each once.
    peer_ids: tuple[str, ...]
    #: For how many of their clients, all together.
    clients: int
    #: The earliest and the latest time at which they signed, ms.
    first_at: int
    last_at: int


def verify_delivery(
    receipt: Mapping[str, Any],
    *,
    system_id: str,
    members: Iterable[Mapping[str, Any]],
    topic: str | None = None,
    data: bytes | None = None,
) -> VerifiedDelivery:
    """
    :param receipt: as ``publish(…, receipt="signed")`` answers it.
    :param system_id: of the genesis that the verifier trusts.
    :param members: {peerId} of a snapshot that the verifier trusts.
    :param topic: when given, and so the data: it is a receipt for this.
    :raises P2posError: RECEIPT_REFUSED with the reason.
    """
    header, statements = opened(
        receipt, "delivery", what="receipt of delivery", system_id=system_id, most=MAX_STATEMENTS
    )
    message = _message(header)
    if topic is not None and message.topic != topic:
        raise refused(f"it is for {message.topic}, not for {topic}")
    if data is not None and (message.bytes, message.hash) != (
        len(data),
        hashlib.sha256(data).digest(),
    ):
        raise refused("it is for another message")
    known = {str(one["peerId"]) for one in members}
    told: dict[str, tuple[int, int]] = {}
    for statement in statements:
        peer_id, at, clients = _verified(header, statement, system_id, known)
        if peer_id in told:
            raise refused(f"{peer_id} is in it twice")
        told[peer_id] = (at, clients)
    if not told:
        raise refused("nobody signed it")
    times = [at for at, _ in told.values()]
    clients = sum(clients for _, clients in told.values())
    return VerifiedDelivery(message, tuple(told), clients, min(times), max(times))


def _verified(
    header: bytes, statement: Mapping[str, Any], system_id: str, known: set[str]
) -> tuple[str, int, int]:
    try:
        peer_id = str(statement["peerId"])
        at, clients = whole(statement["at"]), whole(statement["clients"])
        signature = from_blob(statement["signature"])
    except (KeyError, TypeError, ValueError) as error:
        raise refused("a statement cannot be read") from error
    if peer_id not in known:
        raise refused(f"{peer_id} is no member of the snapshot")
    body = cbor.encode({"at": at, "clients": clients, "header": header, "systemId": system_id})
    if not is_signed(public_key_of(peer_id), PURPOSE + body, signature):
        raise refused(
            f"the signature of {peer_id} is not for this message in this system at this time"
        )
    return peer_id, at, clients


def _message(header: bytes) -> DeliveredMessage:
    unreadable = refused("what it says of the message cannot be read")
    if len(header) > MAX_HEADER_BYTES:
        raise unreadable
    try:
        message = DeliveredMessage(**cbor.decode(header))
        public_key_of(message.publisher)
    except (P2posError, TypeError):
        raise unreadable from None
    texts = isinstance(message.app, str) and isinstance(message.topic, str)
    numbers = (message.incarnation, message.seq, message.at, message.bytes)
    hashed = isinstance(message.hash, bytes) and len(message.hash) == 32
    if not (texts and hashed and all(map(is_whole, numbers))):
        raise unreadable
    return message
