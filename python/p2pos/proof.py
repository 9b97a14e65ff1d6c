"""What receipts of every kind are verified with. Needs the package ``cryptography``: ``pip install p2pos[receipts]``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .failure import P2posError
from .wire import from_blob


def is_signed(public_key: bytes, message: bytes, signature: bytes) -> bool:
    """Ed25519 (RFC 8032)."""
    try:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    except ImportError as error:
        raise ImportError(
            "Receipts are verified with the package cryptography: pip install p2pos[receipts]"
        ) from error
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, message)
    except InvalidSignature:
        return False
    return True


def is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def whole(value: Any) -> int:
    """:raises ValueError: for anything but an integer from 0."""
    if not is_whole(value):
        raise ValueError(value)
    return int(value)


def refused(reason: str) -> P2posError:
    return P2posError("RECEIPT_REFUSED", {"reason": reason})


def opened(
    receipt: Mapping[str, Any], field: str, *, what: str, system_id: str, most: int
) -> tuple[bytes, list[Any]]:
    """
    What the statements of a receipt are about, and the statements, at most ``most``.

    :raises P2posError: RECEIPT_REFUSED
    """
    try:
        content, statements = from_blob(receipt[field]), list(receipt["statements"])
        found = receipt["systemId"]
    except (KeyError, TypeError, ValueError) as error:
        raise refused(f"it is no {what}") from error
    if found != system_id:
        raise refused(f"it is of the system {found}, not of {system_id}")
    if len(statements) > most:
        raise refused(f"it holds more than {most} statements")
    return content, statements
