"""Retries without a network: what is repeated, where, and after which waits."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from unittest.mock import Mock

import pytest

from p2pos import P2posError, RemoteError
from p2pos.caller import Caller, Limits
from p2pos.kv import AsyncKv
from p2pos.lock import take_lock

LOST = P2posError("NODE_UNREACHABLE", {"url": "u", "reason": "the answer was lost"})
REFUSED = P2posError("NODE_UNREACHABLE", {"url": "u", "reason": "refused"}, never_sent=True)


class Script:
    """Answers what it is told to, and remembers what it was asked."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, Mapping[str, Any], int]] = []

    async def attempt(self, method: str, fields: Mapping[str, Any], node: int) -> Any:
        self.asked.append((method, fields, node))
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return await answer() if callable(answer) else answer

    async def close(self) -> None:
        pass


def run(
    script: Script,
    method: str,
    fields: Mapping[str, Any] | None = None,
    *,
    nodes: int = 1,
    timeout_ms: int = 1_000,
    attempt_timeout_ms: int = 1_000,
    chance: Callable[[], float] = lambda: 1.0,
) -> tuple[Any, list[float]]:
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    caller = caller_of(
        script,
        nodes=nodes,
        timeout_ms=timeout_ms,
        attempt_timeout_ms=attempt_timeout_ms,
        sleep=sleep,
        chance=chance,
    )
    return asyncio.run(caller(method, fields)), waits


def caller_of(
    script: Script,
    *,
    nodes: int,
    timeout_ms: int,
    attempt_timeout_ms: int = 10_000,
    max_attempts: int = 4,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    chance: Callable[[], float] = lambda: 1.0,
) -> Caller:
    limits = Limits(
        timeout_ms=timeout_ms, attempt_timeout_ms=attempt_timeout_ms, max_attempts=max_attempts
    )
    urls = [f"http://node{index}" for index in range(nodes)]
    return Caller(script, urls, limits, sleep=sleep, chance=chance)


async def silent() -> None:
    await asyncio.Event().wait()


def nodes_of(script: Script) -> list[int]:
    return [node for _, _, node in script.asked]


def test_reads_go_on_to_the_next_node_and_wait_after_each_round() -> None:
    script = Script(LOST, LOST, LOST, "found")
    answer, waits = run(script, "kv.get", {"key": "a"}, nodes=2)
    assert (answer, nodes_of(script), waits) == ("found", [0, 1, 0, 1], [0.1])


def test_waits_grow_and_follow_the_node() -> None:
    busy = RemoteError("OVERLOADED", message="", details={}, status=429, retry_after_ms=1_500)
    _, waits = run(Script(LOST, LOST, busy, "found"), "kv.get")
    assert waits == [0.1, 0.2, 1.5]


def test_a_write_is_repeated_under_one_key() -> None:
    script = Script(LOST, "done")
    run(script, "kv.put", {"key": "a", "body": b""})
    first, second = (fields["idempotencyKey"] for _, fields, _ in script.asked)
    assert first == second and len(first) == 36
    script = Script("done")
    run(script, "kv.put", {"key": "a", "idempotencyKey": "mine"})
    assert script.asked[0][1]["idempotencyKey"] == "mine"


def test_what_has_no_key_is_repeated_only_if_nothing_was_sent() -> None:
    script = Script(LOST, "done")
    with pytest.raises(P2posError) as failure:
        run(script, "pubsub.publish", {"topic": "t", "body": b""})
    assert failure.value.code == "NODE_UNREACHABLE" and len(script.asked) == 1
    script = Script(REFUSED, "done")
    assert run(script, "pubsub.publish", {"topic": "t", "body": b""})[0] == "done"


def test_what_cannot_succeed_later_is_not_repeated_and_the_rest_ends() -> None:
    script = Script(RemoteError("GRANT_MISSING", message="no", details={}, status=403))
    with pytest.raises(P2posError, match="GRANT_MISSING: no"):
        run(script, "kv.get")
    script = Script(*[LOST] * 5)
    with pytest.raises(P2posError):
        run(script, "kv.get")
    assert len(script.asked) == 4


def test_an_unknown_code_of_a_newer_node_is_judged_by_its_status() -> None:
    newer = RemoteError("QUITE_NEW", message="so it is", details={}, status=503)
    assert (newer.code, newer.retry, str(newer)) == ("QUITE_NEW", True, "QUITE_NEW: so it is")


def test_a_call_ends_by_its_deadline_and_a_silent_node_is_left() -> None:
    with pytest.raises(P2posError) as failure:
        run(Script(silent), "kv.get", timeout_ms=20)
    assert failure.value.code == "TIMEOUT"
    script = Script(silent, "found")
    assert run(script, "kv.get", nodes=2, attempt_timeout_ms=20)[0] == "found"
    assert nodes_of(script) == [0, 1]


def test_a_silent_node_is_left_within_a_call_shorter_than_the_time_for_one_node() -> None:
    script = Script(silent, "found", "found")
    caller = caller_of(script, nodes=3, timeout_ms=400)

    async def both() -> None:
        for _ in range(2):
            assert await caller("kv.get", {"key": "a"}) == "found"

    asyncio.run(both())
    assert nodes_of(script) == [0, 1, 1]


def test_a_silent_node_is_left_though_the_call_could_not_be_repeated_or_was_its_last_try() -> None:
    for method, fields, limits in (
        ("pubsub.publish", {"topic": "t", "body": b""}, {"timeout_ms": 30}),
        ("pubsub.publish", {"topic": "t", "body": b""}, {"timeout_ms": 500, "attempt_timeout_ms": 30}),
        ("kv.get", {"key": "a"}, {"timeout_ms": 30, "max_attempts": 1}),
        ("kv.get", {"key": "a"}, {"timeout_ms": 500, "attempt_timeout_ms": 30, "max_attempts": 1}),
    ):
        script = Script(silent, "done")
        caller = caller_of(script, nodes=2, **limits)

        async def both(
            caller: Caller = caller, method: str = method, fields: Mapping[str, Any] = fields
        ) -> None:
            with pytest.raises(P2posError, match="TIMEOUT"):
                await caller(method, fields)
            assert await caller(method, fields, 500) == "done"

        asyncio.run(both())
        assert nodes_of(script) == [0, 1]


def test_a_write_that_shall_not_be_done_elsewhere_is_repeated_where_it_may_have_been_done() -> None:
    script = Script(REFUSED, LOST, LOST, "done", "done")
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    caller = caller_of(script, nodes=3, timeout_ms=1_000, sleep=sleep)

    async def both() -> None:
        for _ in range(2):
            assert await caller("kv.put", {"key": "a"}, repeat="same-node") == "done"

    asyncio.run(both())
    assert (nodes_of(script), waits) == ([0, 1, 1, 1, 2], [0.1, 0.2])


def test_a_write_that_shall_be_sent_once_is_repeated_only_if_nothing_was_sent() -> None:
    script = Script(REFUSED, LOST, "done")
    caller = caller_of(script, nodes=2, timeout_ms=1_000)

    async def both() -> None:
        with pytest.raises(P2posError):
            await AsyncKv(caller, Mock(), 1_000).put("a", "x", repeat="never")
        assert await caller("kv.delete", {"key": "a"}, repeat="never") == "done"

    asyncio.run(both())
    assert nodes_of(script) == [0, 1, 0]


def test_who_gives_up_a_call_says_nothing_of_the_node() -> None:
    script = Script(silent, "found")
    caller = caller_of(script, nodes=2, timeout_ms=1_000)

    async def both() -> None:
        first = asyncio.create_task(caller("kv.get", {"key": "a"}))
        await asyncio.sleep(0)
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        assert await caller("kv.get", {"key": "a"}) == "found"

    asyncio.run(both())
    assert nodes_of(script) == [0, 0]


def test_a_lock_is_kept_over_a_node_that_falls_silent() -> None:
    held = {"held": True, "token": 7, "released": True}
    script = Script(silent, held, silent, held, held)
    caller = caller_of(script, nodes=3, timeout_ms=1_000)

    async def keep() -> None:
        lock = await take_lock(caller, "a", ttl_ms=400, wait_ms=0, timeout_ms=1_000)
        assert lock and lock.token == 7
        while len(script.asked) < 4:
            await asyncio.sleep(0.005)
        assert lock.held
        await lock.release()

    asyncio.run(asyncio.wait_for(keep(), 5))
    # Asked for at 0 and 1, renewed at once since half of its time is over, and released where that was answered.
    assert nodes_of(script) == [0, 1, 1, 2, 2]


def test_an_unknown_operation_is_named() -> None:
    with pytest.raises(P2posError, match="kv.put"):
        run(Script(), "kv.steal")
