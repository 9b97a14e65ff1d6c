"""What receipts of every kind are verified with. Needs the package ``cryptography``: ``pip install p2pos[receipts]``."""

from __future__ import annotations

from typing import Any

from .failure import P2posError


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
