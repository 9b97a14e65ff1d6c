"""What an operator and his tenants do: apps, members, rendezvous. Needs P2POS_OPERATOR_TOKEN as well."""

from __future__ import annotations

import asyncio
import os
import uuid
from typing import Any, Literal

import pytest

from p2pos import P2posError, connect, connect_async, verify_delivery, verify_receipt

OPERATOR = os.environ.get("P2POS_OPERATOR_TOKEN")
needs_operator = pytest.mark.skipif(OPERATOR is None, reason="needs P2POS_OPERATOR_TOKEN")


def fresh() -> str:
    return "t" + uuid.uuid4().hex[:12]


@needs_operator
def test_apps_and_their_tokens(urls: list[str]) -> None:
    app = fresh()
    with connect(urls[0], OPERATOR) as operator:
        assert operator.apps.put(app, quotas={"requests": 500})["created"]
        assert operator.apps.get(app)["quotas"] == {"requests": 500}
        assert app in [one["app"] for one in operator.apps.list()]
        made = operator.apps.create_token(app, ["kv:*"], label="web", expires_in_ms=600_000)
        assert [one["label"] for one in operator.apps.tokens(app)] == ["web"]
        with connect(urls, made["token"]) as tenant:
            tenant.kv.put("a", "1")
            assert tenant.whoami()["app"] == app
        rotated = operator.apps.rotate_token(app, made["id"], grace_ms=60_000)
        assert rotated["token"] != made["token"]
        assert operator.apps.revoke_token(app, rotated["id"])
        assert not operator.apps.revoke_token(app, "0" * 16)
        assert operator.apps.suspend(app)["state"] == "suspended"
        assert operator.apps.resume(app)["state"] == "active"
        assert operator.apps.usage(app)["app"] == app
        with pytest.raises(P2posError) as failure:
            operator.apps.delete(app, confirm="other")
        assert failure.value.code == "APP_CONFIRMATION_MISSING"
        assert operator.apps.delete(app, confirm=app)["existed"]
        assert any(entry["operation"] == "apps.delete" for entry in operator.apps.audit(limit=20))


@needs_operator
def test_members(urls: list[str]) -> None:
    with connect(urls[0], OPERATOR) as operator:
        found = operator.members.list()
        assert len(found["members"]) >= 1 and found["epoch"] >= 1
        snapshot = operator.members.snapshot()
        assert len(snapshot) > 100
        assert operator.members.push(snapshot)["epoch"] == found["epoch"]
        assert operator.members.root()["systemId"] == found["systemId"]
        held = list(operator.members.documents("snapshots"))
        assert held[-1]["epoch"] == found["epoch"] and held[-1]["hash"] == found["hash"]


@needs_operator
@pytest.mark.parametrize("transport", ["socket", "http"])
def test_what_is_answered_with_signatures_is_proved_offline(
    urls: list[str], transport: Literal["socket", "http"]
) -> None:
    pytest.importorskip("cryptography", reason="needs the package cryptography")
    with connect(urls[0], OPERATOR, transport=transport) as operator:
        listed = operator.members.list()
        trusted: Any = {"system_id": listed["systemId"], "members": listed["members"]}
        key = fresh()
        agreed = operator.kv.cas.put(key, "1", receipt="signed")
        written = operator.kv.put(key, "2", receipt="signed", explain=True)
        for answer, value in ((agreed, b"1"), (written, b"2")):
            assert answer.receipt is not None
            claim = {"key": key, "value": value, "version": answer.version}
            assert verify_receipt(answer.receipt, **trusted, **claim).version == answer.version
        head = operator.kv.head(key, explain=True)
        assert head is not None and head.explain is not None and written.explain is not None
        gone = operator.kv.cas.delete(key, if_version=agreed.version, receipt="signed")
        assert gone.receipt is not None
        verify_receipt(gone.receipt, **trusted, key=key, deleted=True)
        told = operator.kv.delete(key, explain=True)
        assert told.explain is not None
        topic = f"proofs.{key}"
        with operator.pubsub.subscribe(topic) as events:
            assert next(events).type == "open"
            published = operator.pubsub.publish(topic, "hello", ack="all", receipt="signed")
            assert published.receipt is not None
            proved = verify_delivery(published.receipt, **trusted, topic=topic, data=b"hello")
            assert proved.clients == published.clients == 1


@needs_operator
def test_rendezvous(urls: list[str]) -> None:
    namespace = f"python/{fresh()}"

    async def go() -> None:
        async with connect_async(urls[0], OPERATOR) as client:
            done = await client.rendezvous.register(
                namespace, "anna", addresses=["203.0.113.7:9000"], data=b"\x00\xff", ttl_ms=60_000
            )
            assert done["namespace"] == namespace and done["nodes"] >= 1
            found = await client.rendezvous.discover(namespace, limit=10)
            assert [one.name for one in found.registrations] == ["anna"] and not found.more
            assert found.registrations[0].data == b"\x00\xff"
            assert found.registrations[0].addresses == ("203.0.113.7:9000",)
            assert await client.rendezvous.withdraw(namespace, "anna")
            assert not await client.rendezvous.withdraw(namespace, "anna")

    asyncio.run(asyncio.wait_for(go(), 30))
