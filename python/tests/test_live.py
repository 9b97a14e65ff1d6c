"""Against a running system: P2POS_URL (several with commas) and the P2POS_TOKEN of a tenant."""

from __future__ import annotations

import math
import threading
import time
import uuid

import pytest

from p2pos import Change, Client, P2posError, RemoteError, Synced, connect

DEAD = "http://127.0.0.1:1"


def fresh() -> str:
    return uuid.uuid4().hex[:12]


def refusal(call: object) -> P2posError:
    with pytest.raises(P2posError) as failure:
        assert callable(call)
        call()
    return failure.value


@pytest.mark.parametrize("transport", ["socket", "http"])
def test_bytes_under_keys(urls: list[str], token: str, transport: str) -> None:
    with connect(urls, token, transport=transport) as client:  # type: ignore[arg-type]
        own = f"{fresh()}/ü%2F #?"
        value = bytes(range(256)) * 256
        receipt = client.kv.put(own, value, ttl_ms=60_000)
        assert receipt.key == own and receipt.durable == len(receipt.replicas) >= 2
        entry = client.kv.get(own, consistency="quorum", explain=True)
        assert entry is not None and entry.value == value and entry.version == receipt.version
        assert entry.expires_at is not None and entry.explain is not None
        head = client.kv.head(own)
        assert head is not None and head.size == len(value)
        for index in range(5):
            client.kv.put(f"{own}/{index}", str(index))
        assert list(client.kv.list(own + "/", page_size=2)) == [f"{own}/{i}" for i in range(5)]
        page = client.kv.page(own + "/", limit=3)
        assert len(page.keys) == 3 and page.cursor
        assert client.kv.delete(own).existed and not client.kv.delete(own).existed
        assert client.kv.get(own) is None and not client.kv.exists(own)


@pytest.mark.parametrize("transport", ["socket", "http"])
def test_refusals_are_exceptions_with_codes(urls: list[str], token: str, transport: str) -> None:
    with connect(urls, token, transport=transport) as client:  # type: ignore[arg-type]
        large = refusal(lambda: client.kv.put("a", bytes(65_537)))
        assert (large.code, large.status, large.retry) == ("KV_VALUE_TOO_LARGE", 413, False)
        assert isinstance(large, RemoteError) and large.request_id and "65536" in str(large)
        assert refusal(lambda: client.kv.put("", "x")).code == "KV_KEY_INVALID"
        assert refusal(lambda: client.kv.put("\ud800", "x")).code == "BAD_REQUEST"
        assert refusal(client.network.status).code == "GRANT_MISSING"
    stranger = connect(urls[0], "p2pos_" + "a" * 43, transport=transport)  # type: ignore[arg-type]
    with stranger:
        assert refusal(lambda: stranger.kv.get("a")).code == "AUTH_REQUIRED"
    assert refusal(lambda: stranger.kv.get("a")).code == "CLIENT_CLOSED"
    assert refusal(lambda: connect("ftp://example.org")).code == "BAD_REQUEST"


def test_conditions_and_locks(client: Client) -> None:
    key = f"cas/{fresh()}"
    first = client.kv.cas.compare_and_set(key, "1", None)
    assert refusal(lambda: client.kv.cas.put(key, "x", if_absent=True)).code == "CAS_CONDITION_FAILED"
    second = client.kv.cas.compare_and_set(key, "2", first.version)
    assert second.previous == first.version
    stale = refusal(lambda: client.kv.cas.compare_and_set(key, "3", first.version))
    assert stale.details["version"] == second.version
    entry = client.kv.cas.get(key)
    assert entry is not None and entry.text() == "2" and not client.kv.exists(key)
    assert list(client.kv.cas.list(key)) == [key]
    assert client.kv.cas.delete(key, if_version=second.version).existed
    lock = client.kv.cas.lock(key, ttl_ms=2_000)
    assert lock is not None
    with lock:
        assert lock.held and client.kv.cas.lock(key) is None
    assert not lock.held
    again = client.kv.cas.lock(key, wait_ms=2_000)
    assert again is not None and again.token > lock.token
    again.release()


def test_any_stream_of_the_contract(client: Client) -> None:
    key = f"any/{fresh()}"
    client.kv.put(key, "1")
    with client.subscribe("kv", {"prefix": key}) as events:
        kinds = [next(events)["type"], next(events)["type"]]
    assert kinds == ["open", "change"]


def test_a_repeat_under_one_key_has_one_effect(client: Client) -> None:
    key, once = fresh(), fresh()
    first = client.kv.put(key, "1", idempotency_key=once)
    assert client.kv.put(key, "1", idempotency_key=once).version == first.version
    reused = refusal(lambda: client.kv.put(key, "2", idempotency_key=once))
    assert reused.code == "IDEMPOTENCY_KEY_REUSED"


def test_sql_keeps_values_and_transactions(client: Client) -> None:
    name = f"py-{fresh()}"
    assert client.sql.create(name)["created"] and not client.sql.create(name)["created"]
    db = client.sql(name)
    db.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, a, r REAL)")
    values = [None, 7, 2**62, -(2**63), 2.5, math.inf, "tea ☕", b"\x00\xff", True]
    for value in values:
        db.execute("INSERT INTO t (a) VALUES (?)", [value])
    assert [row["a"] for row in db.query("SELECT a FROM t ORDER BY id")] == values
    added = db.execute("INSERT INTO t (a, r) VALUES (:a, :r) RETURNING id", {"a": "x", "r": 3.0})
    assert added.changes == 1 and added.last_insert_id == 10
    assert added.returned is not None and added.returned.rows == ((10,),)
    results = db.transaction(
        [("UPDATE t SET a = ? WHERE id = ?", ["y", 10]), "SELECT count(*) AS n FROM t"]
    )
    assert results[1].returned is not None and results[1].returned.rows == ((10,),)
    failed = refusal(lambda: db.transaction(["DELETE FROM t", "INSERT INTO nowhere VALUES (1)"]))
    assert failed.code == "SQL_SYNTAX"
    assert db.rows("SELECT count(*) FROM t", consistency="linearizable").rows == ((10,),)
    assert db.schema()["tables"][0]["name"] == "t" and db.status()["database"]["name"] == name
    assert name in [one["name"] for one in client.sql.list()]
    large = "x" * 3_000_000
    db.execute("INSERT INTO t (a) VALUES (?)", [large])
    assert db.rows("SELECT length(a), a FROM t WHERE id = 11").rows == ((len(large), large),)
    for bad in (math.nan, 2**63, object()):
        assert refusal(lambda: db.execute("SELECT ?", [bad])).code == "BAD_REQUEST"  # type: ignore[list-item]
    with db.begin() as transaction:
        transaction.execute("UPDATE t SET r = 1 WHERE id = 1")
        assert transaction.query("SELECT r FROM t WHERE id = 1") == [{"r": 1}]
        transaction.commit()
    with db.begin() as undone:
        undone.execute("UPDATE t SET r = 2 WHERE id = 1")
    assert db.query("SELECT r FROM t WHERE id = 1", consistency="linearizable") == [{"r": 1}]
    saved = db.adjust({"backup": {"everyMs": 3_600_000, "keep": 2}})
    assert saved["backup"] == {"everyMs": 3_600_000, "keep": 2}
    assert "backup" not in db.adjust({"backup": None})
    assert refusal(lambda: db.recover()).code.startswith("SQL_")
    assert not db.move(db.status()["database"]["engine"])["moved"]
    assert client.sql.drop(name, confirm=name) and not client.sql.drop(name, confirm=name)


def test_sql_is_followed_migrated_saved_and_brought_back(client: Client) -> None:
    name = f"py-{fresh()}"
    client.sql.create(name)
    db = client.sql(name)
    steps = [(1, "begin", "CREATE TABLE t (id INTEGER PRIMARY KEY, a)"), (2, "more", "ALTER TABLE t ADD b")]
    assert db.migrate(steps) == {"applied": [1, 2], "version": 2}
    assert db.migrate(steps)["applied"] == []
    with db.live("SELECT id, a FROM t WHERE id > ?", [0], key=["id"]) as events:
        first = next(events)
        assert first.type == "rows" and first.rows == () and first.columns == ("id", "a")
        db.execute("INSERT INTO t (id, a) VALUES (1, ?)", [2**60])
        second = next(events)
        assert second.type == "change" and second.upserts == ((1, 2**60),) and second.index > first.index
        db.execute("DELETE FROM t WHERE id = 1")
        third = next(events)
        assert third.type == "change" and [row[0] for row in third.removes] == [1]
    db.execute("INSERT INTO t (id) VALUES (7)")
    file = db.backup()
    assert file.startswith(b"SQLite format 3")
    db.execute("DELETE FROM t")
    db.restore(file, confirm=name)
    assert db.query("SELECT id FROM t") == [{"id": 7}]
    client.sql.drop(name, confirm=name)


def test_durable_topics_are_kept_followed_and_shared(client: Client) -> None:
    topic = f"log.{fresh()}"
    sequences = [client.topics.append(topic, str(index))["sequence"] for index in range(5)]
    assert sequences == list(range(sequences[0], sequences[0] + 5))
    assert [one.text() for one in client.topics.replay(topic)] == list("01234")
    with client.topics.follow(topic, since=sequences[2]) as events:
        seen = [event.text() for event in (next(events) for _ in range(4)) if event.type == "message"]
        assert seen == ["2", "3", "4"]
        client.topics.append(topic, "5")
        last = next(events)
        assert last.type == "message" and last.text() == "5"
    with client.topics.consume(topic, "workers", since="start") as messages:
        got = [next(messages) for _ in range(6)]
    assert sorted(one.text() for one in got) == list("012345")
    assert client.topics.acknowledge(topic, "workers", [one.sequence for one in got]) == 6
    assert client.topics.retain(topic, messages=1_000)["retention"]["messages"] == 1_000
    # What the state tells may be a second old.
    deadline = time.monotonic() + 10
    while client.topics.state(topic)["next"] < sequences[0] + 6:
        assert time.monotonic() < deadline, "the state of the topic stays behind its log"
        time.sleep(0.1)


def test_a_dead_node_in_the_list_is_passed_over(urls: list[str], token: str) -> None:
    for transport in ("socket", "http"):
        with connect([DEAD, *urls], token, transport=transport) as client:  # type: ignore[arg-type]
            key = fresh()
            client.kv.put(key, "x")
            assert client.kv.exists(key)
    with connect(DEAD, token, max_attempts=1) as client:
        gone = refusal(lambda: client.kv.get("a"))
        assert gone.code == "NODE_UNREACHABLE" and gone.never_sent


def test_who_and_how_are_we(client: Client) -> None:
    assert client.health()["status"] in ("ok", "degraded")
    who = client.whoami()
    assert who["app"] != "default" and "kv:*" in who["grants"]


def test_following_without_an_event_loop(client: Client) -> None:
    prefix = f"w/{fresh()}/"
    client.kv.put(prefix + "a", "1")
    with client.kv.watch(prefix) as events:
        first, second = next(events), next(events)
        assert isinstance(first, Change) and (first.key, first.text()) == (prefix + "a", "1")
        assert isinstance(second, Synced)
        client.kv.delete(prefix + "a")
        third = next(events)
        assert isinstance(third, Change) and third.deleted and third.value == b""
    topic = f"t.{fresh()}"
    with client.pubsub.subscribe(topic + ".>") as messages:
        assert next(messages).type == "open"
        publisher = threading.Thread(
            target=lambda: [client.pubsub.publish(f"{topic}.{i}", str(i), ack="all") for i in range(20)]
        )
        publisher.start()
        got = [next(messages) for _ in range(20)]
        publisher.join()
    assert [one.text() for one in got if one.type == "message"] == [str(i) for i in range(20)]
    assert refusal(lambda: client.pubsub.publish(topic, "x", ack="one")).code == "PUBSUB_NO_SUBSCRIBER"
    assert refusal(lambda: client.pubsub.publish("a..b", "x")).code == "PUBSUB_TOPIC_INVALID"
    with client.pubsub.subscribe("a..b") as wrong:
        assert refusal(lambda: next(wrong)).code in ("BAD_REQUEST", "PUBSUB_TOPIC_INVALID")
