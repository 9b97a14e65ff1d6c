"""Retries without a network: what is repeated, where, and after which waits."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from p2pos import P2posError, RemoteError
from p2pos.caller import Caller, Limits

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

    limits = Limits(timeout_ms=timeout_ms, attempt_timeout_ms=attempt_timeout_ms, max_attempts=4)
    urls = [f"http://node{index}" for index in range(nodes)]
    caller = Caller(script, urls, limits, sleep=sleep, chance=chance)
    return asyncio.run(caller(method, fields)), waits


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
    async def silent() -> None:
        await asyncio.Event().wait()

    with pytest.raises(P2posError) as failure:
        run(Script(silent), "kv.get", timeout_ms=20)
    assert failure.value.code == "TIMEOUT"
    script = Script(silent, "found")
    assert run(script, "kv.get", nodes=2, attempt_timeout_ms=20)[0] == "found"
    assert nodes_of(script) == [0, 1]


def test_an_unknown_operation_is_named() -> None:
    with pytest.raises(P2posError, match="kv.put"):
        run(Script(), "kv.steal")
