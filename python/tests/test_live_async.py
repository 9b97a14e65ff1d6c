"""The same with an event loop, and over connections that are cut."""

from __future__ import annotations

import asyncio
import uuid

from forwarder import Forwarder

from p2pos import Change, Message, connect_async


def fresh() -> str:
    return uuid.uuid4().hex[:12]


def test_many_calls_share_one_socket(urls: list[str], token: str) -> None:
    async def go() -> None:
        prefix = f"m/{fresh()}/"
        async with connect_async(urls, token) as client:
            keys = [f"{prefix}{index:03}" for index in range(200)]
            await asyncio.gather(*(client.kv.put(key, key) for key in keys))
            entries = await asyncio.gather(*(client.kv.get(key) for key in keys))
            assert [entry.text() for entry in entries if entry] == keys
            assert [key async for key in client.kv.list(prefix)] == keys

    asyncio.run(go())


def test_cancelling_a_call_leaves_the_client_usable(urls: list[str], token: str) -> None:
    async def go() -> None:
        async with connect_async(urls, token) as client:
            for _ in range(20):
                work = asyncio.create_task(client.kv.put("cancelled", "x"))
                await asyncio.sleep(0)
                work.cancel()
                await asyncio.gather(work, return_exceptions=True)
                assert work.cancelled()
            await client.kv.put("after", "x")

    asyncio.run(go())


def test_a_watch_goes_on_where_it_was_cut(urls: list[str], token: str) -> None:
    async def go() -> None:
        prefix = f"w/{fresh()}/"
        async with (
            Forwarder(urls[0]) as way,
            connect_async(way.url, token) as client,
            connect_async(urls, token) as writer,
        ):
            await writer.kv.put(prefix + "before", "1")
            seen: list[str] = []
            async with client.kv.watch(prefix) as events:
                async for event in events:
                    if event.type == "synced":
                        break
                for turn in range(5):
                    way.cut()
                    key = f"{prefix}{turn}"
                    await writer.kv.put(key, str(turn))
                    async for event in events:
                        if isinstance(event, Change):
                            seen.append(event.key)
                            if event.key == key:
                                break
            assert seen == [f"{prefix}{turn}" for turn in range(5)]

    asyncio.run(asyncio.wait_for(go(), 30))


def test_messages_published_while_cut_off_come_later_once_and_in_order(
    urls: list[str], token: str
) -> None:
    async def go() -> None:
        topic = f"t.{fresh()}"
        async with (
            Forwarder(urls[0]) as way,
            connect_async(way.url, token) as client,
            connect_async(urls[-1], token) as writer,
        ):
            got: list[Message] = []
            async with client.pubsub.subscribe(topic) as events:
                assert (await anext(events)).type == "open"
                for turn in range(5):
                    await writer.pubsub.publish(topic, f"{turn}a")
                    way.cut()
                    await writer.pubsub.publish(topic, f"{turn}b")
                    while len(got) < 2 * (turn + 1):
                        event = await anext(events)
                        assert event.type in ("message", "open"), event
                        if isinstance(event, Message):
                            got.append(event)
            assert [one.text() for one in got] == [f"{i}{x}" for i in range(5) for x in "ab"]

    asyncio.run(asyncio.wait_for(go(), 30))


def test_a_lock_is_renewed_and_told_lost(urls: list[str], token: str) -> None:
    async def go() -> None:
        async with Forwarder(urls[0]) as way, connect_async(way.url, token) as client:
            lock = await client.kv.cas.lock(f"l/{fresh()}", ttl_ms=1_000)
            assert lock is not None
            await asyncio.sleep(1.5)
            assert lock.held
            way.stop()
            await asyncio.wait_for(lock.wait_lost(), 5)
            assert not lock.held

    asyncio.run(asyncio.wait_for(go(), 30))


def test_closing_ends_what_is_followed(urls: list[str], token: str) -> None:
    async def go() -> None:
        client = connect_async(urls, token)
        events = client.kv.watch(f"c/{fresh()}/")
        assert (await anext(events)).type == "synced"

        async def rest() -> list[object]:
            return [event async for event in events]

        following = asyncio.create_task(rest())
        await asyncio.sleep(0.05)
        await client.close()
        assert await asyncio.wait_for(following, 5) == []

    asyncio.run(go())
