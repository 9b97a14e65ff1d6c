import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from p2pos import Client, connect

sys.path.insert(0, str(Path(__file__).parent))

URLS = [url for url in os.environ.get("P2POS_URL", "").split(",") if url]
TOKEN = os.environ.get("P2POS_TOKEN")


@pytest.fixture(scope="session")
def urls() -> list[str]:
    if not URLS or not TOKEN:
        pytest.skip("needs a running system: P2POS_URL and P2POS_TOKEN")
    return URLS


@pytest.fixture(scope="session")
def token(urls: list[str]) -> str:
    assert TOKEN is not None
    return TOKEN


@pytest.fixture(scope="session")
def client(urls: list[str], token: str) -> Iterator[Client]:
    with connect(urls, token) as made:
        yield made
