"""Nodes and clients for asyncio."""

import asyncio
import contextlib
import gc
import inspect
import os
import threading
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

import pytest
import rollbook
from conftest import INTERVAL_S, LOOPBACK, PATIENCE_S, Standalone, eventually
from rollbook import EventKind, Keypair, aio

T = TypeVar("T")
SETTINGS: Any = {"listen": LOOPBACK, "sync_interval": INTERVAL_S}


def run(main: Coroutine[Any, Any, T]) -> T:
    """Runs with all that asyncio finds suspicious told."""
    return asyncio.run(asyncio.wait_for(main, PATIENCE_S), debug=True)


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def test_a_member_joins_and_is_followed(tmp_path: Path) -> None:
    async def main() -> None:
        async with aio.Node(tmp_path / "authority", **SETTINGS) as authority:
            watch = authority.watch()
            member = aio.Node(tmp_path / "member", authorities=authority.addresses, **SETTINGS)
            async with member:
                async for event in watch:
                    if event.kind is EventKind.JOINED and event.peer_id == member.peer_id:
                        break
                await authority.grant(member.peer_id, "staked")
                await member.wait_until(lambda node: node.nodes(grant="staked"))
                await member.announce(agent="mine/1")
                await authority.wait_until(
                    lambda node: any(seen.agent == "mine/1" for seen in node.nodes())
                )
                await authority.revoke(member.peer_id, "staked")
                with pytest.raises(rollbook.NotAuthorityError):
                    await member.ban(authority.peer_id)
                assert member.status().network == "main"
                assert len(member.page(limit=1).nodes) == 1
            assert member.closed
            rest = [event async for event in closing(watch, authority)]
            assert any(event.kind is EventKind.LEFT for event in rest)

    run(main())


async def closing(watch: aio.Watch, node: aio.Node) -> Any:
    """The rest of a watch: it ends with the node."""
    await node.wait_until(lambda node: node.nodes(presence="left"))
    await node.close()
    async for event in watch:
        yield event


def test_cancelling_loses_no_event(tmp_path: Path) -> None:
    async def main() -> None:
        async with aio.Node(tmp_path / "node", **SETTINGS) as node:
            watch = node.watch()
            seen: list[rollbook.Event] = []
            others = [Keypair.generate().peer_id for _ in range(20)]
            for other in others:
                waiting = asyncio.ensure_future(watch.take())
                await asyncio.sleep(0)
                waiting.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    seen += await waiting
                await node.admit(other)
            while len({event.peer_id for event in seen}) < len(others):
                seen += await watch.take()
            numbers = [event.id for event in seen if event.id is not None]
            assert numbers == sorted(set(numbers)), "each once, in order"

    run(main())


def test_several_tasks_may_wait_on_one_watch(tmp_path: Path) -> None:
    async def main() -> None:
        async with aio.Node(tmp_path / "node", **SETTINGS) as node:
            watch = node.watch()
            tasks = [asyncio.ensure_future(watch.take()) for _ in range(3)]
            await asyncio.sleep(0)
            await node.admit(Keypair.generate().peer_id)
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        # Each event goes to one of them, and those without one end with the node.
        numbers = [event.id for task in tasks for event in await task]
        assert numbers and len(numbers) == len(set(numbers))

    run(main())


def test_closing_a_watch_ends_who_waits_on_it(tmp_path: Path) -> None:
    async def main() -> None:
        async with aio.Node(tmp_path / "node", **SETTINGS) as node:
            watch = node.watch()
            waiting = asyncio.ensure_future(watch.take())
            await asyncio.sleep(0)
            watch.close()
            # It may have come by what happened before; it waits for nothing more.
            await asyncio.wait_for(waiting, PATIENCE_S)
            assert [event async for event in watch] == []

    run(main())


def test_a_node_outlives_a_closed_loop(tmp_path: Path) -> None:
    node = aio.Node(tmp_path / "node", **SETTINGS)

    async def first() -> aio.Watch:
        await node.start()
        watch = node.watch()
        waiting = asyncio.ensure_future(watch.take())
        await asyncio.sleep(0)
        # The loop ends while a task waits on it.
        del waiting
        return watch

    async def second(watch: aio.Watch) -> None:
        other = Keypair.generate().peer_id
        await node.admit(other)
        async for event in watch:
            if event.peer_id == other:
                break
        await node.close()

    watch = run(first())
    run(second(watch))


def test_a_start_that_is_cancelled_leaves_nothing(tmp_path: Path) -> None:
    async def main() -> None:
        starting = asyncio.ensure_future(aio.Node(tmp_path / "node", **SETTINGS).start())
        await asyncio.sleep(0)
        starting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await starting

    run(main())

    def free() -> rollbook.Node | None:
        try:
            return rollbook.Node(tmp_path / "node", **SETTINGS)
        except rollbook.InUseError:
            return None

    eventually("the directory is free again", free).close()
    gc.collect()


def test_a_close_that_is_cancelled_goes_on(tmp_path: Path) -> None:
    async def main() -> aio.Node:
        node = await aio.Node(tmp_path / "node", **SETTINGS).start()
        closing = asyncio.ensure_future(node.close())
        await asyncio.sleep(0)
        closing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await closing
        return node

    node = run(main())
    eventually("it is closed", lambda: node.closed)


def test_a_node_that_is_not_started_says_so(tmp_path: Path) -> None:
    node = aio.Node(tmp_path / "node", **SETTINGS)
    with pytest.raises(rollbook.StateError):
        node.nodes()
    assert "not started" in repr(node) and not node.closed
    node.abort()
    run(node.close())


def test_a_condition_that_stays_false_is_given_up(tmp_path: Path) -> None:
    async def main() -> None:
        async with aio.Node(tmp_path / "node", **SETTINGS) as node:
            with pytest.raises(rollbook.NodeTimeout):
                await node.wait_until(lambda node: False, timeout=0.05)

    run(main())


def test_nothing_is_left_open(tmp_path: Path) -> None:
    async def main(name: str) -> None:
        async with aio.Node(tmp_path / name, **SETTINGS) as node:
            for _ in range(50):
                watch = node.watch()
                waiting = asyncio.ensure_future(watch.take())
                await asyncio.sleep(0)
                waiting.cancel()
                await asyncio.wait([waiting])
                watch.close()

    run(main("first"))
    before = descriptors()
    run(main("second"))
    eventually("its descriptors are closed", lambda: descriptors() <= before)


def test_both_kinds_of_nodes_do_the_same() -> None:
    for kind, other in ((rollbook.Node, aio.Node), (rollbook.Client, aio.Client)):
        names = {name for name in vars(kind) if not name.startswith("_")}
        others = {name for name in vars(other) if not name.startswith("_")}
        assert names <= others
        for name in names & others:
            member, counterpart = getattr(kind, name), getattr(other, name)
            if callable(member):
                assert inspect.signature(member).parameters.keys() == (
                    inspect.signature(counterpart).parameters.keys()
                ), name
    settings = set(rollbook._node.NodeSettings.__annotations__)
    assert settings == inspect.signature(rollbook.Node).parameters.keys() - {"data_dir"}


def test_a_client_reads_and_commands(standalone: Standalone) -> None:
    async def main() -> None:
        async with aio.Client(standalone.data_dir) as client:
            status = await client.status()
            (seen,) = await client.nodes(online=True)
            assert seen.peer_id == status.peer_id
            assert await client.get(seen.peer_id) == (await client.page()).nodes[0]
            events = client.watch()
            other = Keypair.generate().peer_id
            following = asyncio.ensure_future(anext(events))
            # Followed from its first look on, which is when the stream has begun.
            while not following.done():
                await client.admit(other)
                await client.remove(other)
                await asyncio.wait([following], timeout=0.05)
            assert (await following).peer_id == other
            waiting = asyncio.ensure_future(take_all(events))
            await asyncio.sleep(0.05)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
            await client.grant(seen.peer_id, "staked")
            assert (await client.revoke(seen.peer_id, "staked")) is not None
            assert await client.ready()
            assert (await client.events()).events
            assert await client.select("nothing") == []
            assert (await client.explain(seen.peer_id)) is not None
            assert "rollbook_" in await client.metrics()
            assert (await client.reload()).peer_id == seen.peer_id
            with pytest.raises(rollbook.UnknownNodeError):
                await client.observe(Keypair.generate().peer_id, "successes")
            report = await client.import_records([rollbook.ImportRecord("nobody")])
            assert len(report.invalid) == 1
            assert client.url in repr(client)

    run(main())
    assert not any("EventStream" in thread.name for thread in threading.enumerate())


async def take_all(events: Any) -> None:
    async for _ in events:
        pass
