"""The name of a node: the libp2p peer id of its Ed25519 key, base58btc of the identity multihash (libp2p specs, peer-ids)."""

from __future__ import annotations

import re

from .failure import P2posError

_ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
#: Identity multihash of 36 bytes, then protobuf {type: Ed25519, data: 32 bytes}.
_PREFIX = bytes((0x00, 0x24, 0x08, 0x01, 0x12, 0x20))
_FORM = re.compile(r"12D3KooW[1-9A-HJ-NP-Za-km-z]{44}")


def peer_id_of(public_key: bytes) -> str:
    number = int.from_bytes(_PREFIX + public_key, "big")
    digits = []
    while number:
        number, digit = divmod(number, 58)
        digits.append(_ALPHABET[digit])
    # The one zero byte in front is one digit 1.
    return "1" + "".join(reversed(digits))


def public_key_of(peer_id: str) -> bytes:
    """
    The raw 32 bytes.

    :raises P2posError: PEER_ID_INVALID for anything but the peer id of an Ed25519 key.
    """
    if _FORM.fullmatch(peer_id):
        number = 0
        for character in peer_id:
            number = number * 58 + _ALPHABET.index(character)
        data = number.to_bytes(39, "big")[1:]
        if data.startswith(_PREFIX):
            return data[len(_PREFIX) :]
    raise P2posError("PEER_ID_INVALID", {"peerId": peer_id[:80]})
