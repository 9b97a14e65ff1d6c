"""The golden vectors of the contract, the same files that the TypeScript side runs."""

import json
import os
from pathlib import Path
from typing import Any

FOLDER = Path(
    os.environ.get("P2POS_VECTORS", Path(__file__).parents[2] / "packages/protocol/vectors")
)


def vectors(name: str) -> Any:
    return json.loads((FOLDER / f"{name}.json").read_text("utf-8"))


def value_of(notation: Any) -> Any:
    """What JSON has no form for; see the README of the vectors."""
    import struct

    if isinstance(notation, list):
        return [value_of(item) for item in notation]
    if not isinstance(notation, dict):
        return notation
    if set(notation) == {"$bytes"}:
        return bytes.fromhex(notation["$bytes"])
    if set(notation) == {"$int"}:
        return int(notation["$int"])
    if set(notation) == {"$float"}:
        return struct.unpack(">d", bytes.fromhex(notation["$float"]))[0]
    return {key: value_of(item) for key, item in notation.items()}
