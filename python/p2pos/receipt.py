"""
A signed receipt, verified offline: the statements of replicas that they hold a record on disk as the newest of its key. Each
signs ``p2pos/receipt/1`` ‖ 0x00 ‖ canonical {at, root, size, systemId} over the Merkle root (RFC 9162, section 2.1) of all
headers that it was asked about together; the path leads from this record's header to that root. Needs the package
``cryptography``: ``pip install p2pos[receipts]``.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from . import cbor
from .failure import P2posError
from .peer_id import public_key_of
from .proof import is_signed, is_whole, opened, refused, whole
from .wire import from_blob

PURPOSE = b"p2pos/receipt/1\x00"
MAX_HEADERS = 256
MAX_HEADER_BYTES = 2_560
MAX_STATEMENTS = 64
#: Namespaces whose records are registers: a receipt of one brings its state.
REGISTERS = "/kv-cas"
MAX_STATE_BYTES = 65_536
_VERSION = re.compile(r"[0-9a-f]{16}-(12D3KooW.{44})")
_NAMESPACE = re.compile(r"[\x21-\x2e\x30-\x7e]{1,62}/[\x21-\x2e\x30-\x7e]{1,62}")


@dataclass(frozen=True)
class ReceiptRecord:
    #: ``<app>/<service>``
    namespace: str
    key: bytes
    version: str
    #: Milliseconds since the epoch.
    expires_at: int | None
    #: SHA-256 and length of the value; None: a deletion.
    value: tuple[bytes, int] | None


@dataclass(frozen=True)
class VerifiedReceipt:
    record: ReceiptRecord
    #: As the write was answered; of a register not that of its record.
    version: str
    #: Who signed, each once.
    peer_ids: tuple[str, ...]
    #: The earliest and the latest time at which they signed, ms.
    first_at: int
    last_at: int


def verify_receipt(
    receipt: Mapping[str, Any],
    *,
    system_id: str,
    members: Iterable[Mapping[str, Any]],
    needed: int = 2,
    namespace: str | None = None,
    key: str | bytes | None = None,
    version: str | None = None,
    value: bytes | None = None,
    deleted: bool = False,
) -> VerifiedReceipt:
    """
    :param receipt: as ``put(…, receipt="signed")`` answers it.
    :param system_id: of the genesis that the verifier trusts.
    :param members: {peerId, capabilities} of a snapshot that the verifier trusts.
    :param needed: how many replicas must have signed; 2 is a majority of 3.
    :param namespace: when given, and so the rest: it is a receipt for this.
    :param deleted: it is a receipt for the deletion.
    :raises P2posError: RECEIPT_REFUSED with the reason.
    """
    header, statements = opened(
        receipt, "header", what="receipt", system_id=system_id, most=MAX_STATEMENTS
    )
    record = _record(header)
    if namespace is not None and record.namespace != namespace:
        raise refused(f"it is for {record.namespace}, not for {namespace}")
    if key is not None and record.key != (key.encode("utf-8") if isinstance(key, str) else key):
        raise refused("it is for another key")
    held = _held(record, receipt.get("state"))
    if version is not None and held.version != version:
        raise refused(f"it is for version {held.version}, not for {version}")
    _check_value(held, value, deleted)
    storing = {str(one["peerId"]): "storage" in one.get("capabilities", ()) for one in members}
    times = dict(_verified(header, one, system_id, storing) for one in statements)
    if len(times) != len(statements):
        raise refused("a replica is in it twice")
    if len(times) < needed:
        raise refused(f"{len(times)} replicas signed it, {needed} are needed")
    ats = list(times.values()) or [0]
    return VerifiedReceipt(record, held.version, tuple(times), min(ats), max(ats))


def _verified(
    header: bytes, statement: Mapping[str, Any], system_id: str, storing: Mapping[str, bool]
) -> tuple[str, int]:
    try:
        peer_id = str(statement["peerId"])
        at, size, index = (whole(statement[name]) for name in ("at", "size", "index"))
        path, signature = from_blob(statement["path"]), from_blob(statement["signature"])
    except (KeyError, TypeError, ValueError) as error:
        raise refused("a statement cannot be read") from error
    if peer_id not in storing:
        raise refused(f"{peer_id} is no member of the snapshot")
    if not storing[peer_id]:
        raise refused(f"{peer_id} is a member that holds no records")
    root = fold_path(leaf_hash(header), index=index, size=size, path=path)
    if root is None or not 1 <= size <= MAX_HEADERS:
        raise refused(
            f"the path of {peer_id} does not lead from this record to what was signed"
        )
    body = cbor.encode({"at": at, "root": root, "size": size, "systemId": system_id})
    if not is_signed(public_key_of(peer_id), PURPOSE + body, signature):
        raise refused(
            f"the signature of {peer_id} is not for this record in this system at this time"
        )
    return peer_id, at


def leaf_hash(content: bytes) -> bytes:
    return hashlib.sha256(b"\x00" + content).digest()


def fold_path(leaf: bytes, *, index: int, size: int, path: bytes) -> bytes | None:
    """The root that a leaf at ``index`` of ``size`` leads to; None: the path does not fit that place."""
    if not 0 <= index < size:
        return None
    digest, position, used, width = leaf, index, 0, size
    while width > 1:
        if position ^ 1 < width:
            sibling = path[used : used + 32]
            if len(sibling) != 32:
                return None
            used += 32
            pair = sibling + digest if position & 1 else digest + sibling
            digest = hashlib.sha256(b"\x01" + pair).digest()
        position >>= 1
        width = (width + 1) >> 1
    return digest if used == len(path) else None


def _record(header: bytes) -> ReceiptRecord:
    unreadable = refused("what it says of the record cannot be read")
    if len(header) > MAX_HEADER_BYTES:
        raise unreadable
    try:
        fields = cbor.decode(header)
    except P2posError:
        raise unreadable from None
    if not isinstance(fields, list) or len(fields) != 8 or fields[0] != 1:
        raise unreadable
    _, namespace, partition, key, version, expires_at, digest, size = fields
    named = isinstance(namespace, str) and _NAMESPACE.fullmatch(namespace)
    keyed = _is_key(key) and (partition is None or (_is_key(partition) and partition != key))
    dated = expires_at is None or (is_whole(expires_at) and 1 <= expires_at <= 2**48)
    if digest is None:
        valued = size == 0 and expires_at is None
    else:
        valued = isinstance(digest, bytes) and len(digest) == 32 and is_whole(size)
    if not (named and keyed and dated and valued and _is_version(version)):
        raise unreadable
    value = None if digest is None else (digest, size)
    return ReceiptRecord(namespace, key, version, expires_at, value)


def _held(record: ReceiptRecord, blob: Any) -> ReceiptRecord:
    """The record, or what its register holds: the version and the value that were agreed on."""
    is_register = record.namespace.endswith(REGISTERS)
    if blob is None:
        if is_register:
            raise refused("the state of its register is missing")
        return record
    if not is_register:
        raise refused("it holds a state and is of no register")
    try:
        state = from_blob(blob)
    except (KeyError, TypeError, ValueError) as error:
        raise refused("the state in it cannot be read") from error
    if record.value != (hashlib.sha256(state).digest(), len(state)):
        raise refused("the state in it is not the one that was signed")
    unreadable = refused("the state in it cannot be read")
    try:
        fields = cbor.decode(state) if len(state) <= MAX_STATE_BYTES else None
        form, authors, (stamp, index), value = fields[:4] if isinstance(fields, list) else ()
        version = f"{stamp.hex()}-{authors[index]}" if index >= 0 else ""
    except (P2posError, TypeError, ValueError, AttributeError, LookupError):
        raise unreadable from None
    if form != 1 or not _is_version(version) or not (value is None or isinstance(value, bytes)):
        raise unreadable
    digest = None if value is None else (hashlib.sha256(value).digest(), len(value))
    return replace(record, version=version, value=digest)


def _check_value(record: ReceiptRecord, value: bytes | None, deleted: bool) -> None:
    if deleted and record.value is not None:
        raise refused("it is for a value, not for a deletion")
    if value is None:
        return
    if record.value is None:
        raise refused("it is for a deletion, not for a value")
    if record.value != (hashlib.sha256(value).digest(), len(value)):
        raise refused("it is for another value")


def _is_version(text: object) -> bool:
    match = _VERSION.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        return False
    try:
        public_key_of(match[1])
    except P2posError:
        return False
    return True


def _is_key(value: object) -> bool:
    return isinstance(value, bytes) and 1 <= len(value) <= 1_024
