"""The same for asyncio: nodes, and clients of running nodes, whose calls are awaited.

The network runs on threads of its own and never calls into an event loop. Events are taken in batches whenever a
descriptor becomes readable; commands wait on a thread of asyncio's. Cancelling a call stops the waiting and nothing
else. Objects are bound to no loop: they outlive one that is closed.
"""

import asyncio
import contextlib
import functools
import os
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterable
from pathlib import Path
from types import TracebackType
from typing import Any, ParamSpec, Self, TypeVar, Unpack

from . import _client, _native, _node
from ._errors import NodeTimeout, RollbookError, StateError
from ._tracker import Counter
from ._types import (
    Event,
    EventPage,
    Explanation,
    ImportRecord,
    ImportReport,
    NodePage,
    NodeView,
    Presence,
    Standing,
    Status,
)

__all__ = ["Client", "Node", "Watch"]

# A state of which no event tells is looked at so often.
_LOOK_AGAIN = 0.1

_P = ParamSpec("_P")
_T = TypeVar("_T")


class Watch:
    """Follows the events of a node, as an asynchronous iterator. Where it is too slow, an event of the kind `lagged`
    says how many it lost. It ends with the node, and by `close`. Cancelling loses no event."""

    def __init__(self, native: _native.Watch) -> None:
        self._inner = native
        self._waiting: list[Event] = []
        # From before the first look, so that nothing falls between.
        self._wake = socket.socket(fileno=native.wake_descriptor())

    async def take(self, limit: int = 256) -> list[Event]:
        """Waits for events and gives those that are there; none once it has ended."""
        if self._waiting:
            taken, self._waiting = self._waiting[:limit], self._waiting[limit:]
            return taken
        while True:
            self._forget_wakes()
            taken = _node.events_of(self._inner.take(limit, 0.0))
            if taken or self._inner.ended or self._wake.fileno() < 0:
                return taken
            await self._readable()

    @property
    def ended(self) -> bool:
        """Whether no event follows."""
        return self._inner.ended

    def close(self) -> None:
        """Ends it; a task that waits is told within a moment."""
        self._inner.close()
        self._wake.close()

    def __aiter__(self) -> AsyncIterator[Event]:
        return self

    async def __anext__(self) -> Event:
        if not self._waiting:
            self._waiting = await self.take()
        if not self._waiting:
            self.close()
            raise StopAsyncIteration
        return self._waiting.pop(0)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __del__(self) -> None:
        wake = getattr(self, "_wake", None)
        if wake is not None:
            wake.close()

    def _forget_wakes(self) -> None:
        try:
            while self._wake.recv(4096):
                pass
        except (BlockingIOError, OSError):
            pass

    async def _readable(self) -> None:
        """Waits for the descriptor on the loop that runs now, and leaves nothing there."""
        loop = asyncio.get_running_loop()
        woken = asyncio.Event()
        # A descriptor of its own: several tasks may wait, and this one may be closed meanwhile.
        descriptor = os.dup(self._wake.fileno())
        try:
            loop.add_reader(descriptor, woken.set)
            try:
                await woken.wait()
            finally:
                loop.remove_reader(descriptor)
        finally:
            os.close(descriptor)


class Node:
    """A running node, as `rollbook.Node`, for asyncio. Reads are answered at once; what waits is awaited.

    `async with Node(...)` starts and closes it; or `await Node(...).start()` and `await node.close()`.
    """

    def __init__(
        self,
        data_dir: str | os.PathLike[str] = "rollbook-data",
        **settings: Unpack[_node.NodeSettings],
    ) -> None:
        """The settings are those of `rollbook.Node`."""
        self._make = functools.partial(_node.Node, data_dir, **settings)
        self._started: _node.Node | None = None

    def __repr__(self) -> str:
        return f"aio.{self._started!r}" if self._started else "aio.Node(not started)"

    async def start(self) -> Self:
        """Starts it. It listens and has read its journal when this returns."""
        if self._started is None:
            self._started = await _started(self._make)
        return self

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            await self.close()
        except RollbookError:
            # What went wrong first is what is told.
            if error is None:
                raise

    async def close(self, timeout: float | None = 15.0) -> None:
        """Says that the node leaves, brings everything to disk and stops it. It goes on if this is cancelled."""
        if self._started is not None:
            await _at_once(functools.partial(self._started.close, timeout))

    def abort(self) -> None:
        """Ends the node at once and without a word, as if its process were killed."""
        if self._started is not None:
            self._started.abort()

    @property
    def sync(self) -> _node.Node:
        """The same node for programs without asyncio. Its calls that wait would hold the loop up."""
        if self._started is None:
            raise StateError("the node is not started", reason="State")
        return self._started

    @property
    def closed(self) -> bool:
        """Whether it is closed."""
        return self._started is not None and self._started.closed

    @property
    def peer_id(self) -> str:
        """Who this node is."""
        return self.sync.peer_id

    @property
    def data_dir(self) -> Path:
        """Where its files are."""
        return self.sync.data_dir

    @property
    def addresses(self) -> list[str]:
        """Where it listens: full addresses that end in `/p2p/ID`."""
        return self.sync.addresses

    def get(self, peer_id: str) -> NodeView | None:
        """One node of the roll."""
        return self.sync.get(peer_id)

    def nodes(
        self,
        *,
        online: bool = False,
        all: bool = False,
        capability: str | None = None,
        grant: str | None = None,
        standing: Standing | str | None = None,
        presence: Presence | str | None = None,
        home: str | None = None,
    ) -> list[NodeView]:
        """The nodes of the roll, in its order. Removed and banned ones only with `all` or by `standing`."""
        return self.sync.nodes(
            online=online,
            all=all,
            capability=capability,
            grant=grant,
            standing=standing,
            presence=presence,
            home=home,
        )

    def page(
        self,
        *,
        sort: _node.SortKey = "peerId",
        after: str | None = None,
        limit: int = 1000,
        online: bool = False,
        all: bool = False,
        capability: str | None = None,
        grant: str | None = None,
        standing: Standing | str | None = None,
        presence: Presence | str | None = None,
        home: str | None = None,
    ) -> NodePage:
        """A page of the nodes, in an order of one's choice; `after` is the `next` of the page before."""
        return self.sync.page(
            sort=sort,
            after=after,
            limit=limit,
            online=online,
            all=all,
            capability=capability,
            grant=grant,
            standing=standing,
            presence=presence,
            home=home,
        )

    def select(
        self, capability: str, *, grant: str | None = None, limit: int = 10
    ) -> list[NodeView]:
        """The nodes that can do something, the most reliable first."""
        return self.sync.select(capability, grant=grant, limit=limit)

    def explain(self, peer_id: str) -> Explanation | None:
        """Why a node is seen as it is: every fact with the statement that it stands in."""
        return self.sync.explain(peer_id)

    def status(self) -> Status:
        """The state of this node."""
        return self.sync.status()

    def events(self, after: int = 0, limit: int = 1000) -> EventPage:
        """At most `limit` of the events that follow number `after` and are still kept."""
        return self.sync.events(after, limit)

    def watch(self, after: int | None = None) -> Watch:
        """Follows events: those after number `after`, or from now on."""
        return Watch(_node.native_watch(self.sync, after))

    async def wait_until(
        self, condition: Callable[["Node"], object], timeout: float | None = None
    ) -> None:
        """Waits until a condition of this node is true. It is looked at whenever something happened, and now and then
        besides."""
        deadline = None if timeout is None else time.monotonic() + timeout
        async with self.watch() as watch:
            while not condition(self):
                if deadline is not None and time.monotonic() >= deadline:
                    raise NodeTimeout("the condition did not become true in time", reason="Timeout")
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_LOOK_AGAIN):
                        await watch.take()

    async def announce(
        self,
        *,
        capabilities: Iterable[str] | None = None,
        agent: str | None = None,
        external_addresses: Iterable[str] | None = None,
        timeout: float | None = None,
    ) -> None:
        """Changes what this node says of itself; what is left out stays as it is."""
        await _in_thread(
            self.sync.announce,
            capabilities=capabilities,
            agent=agent,
            external_addresses=external_addresses,
            timeout=timeout,
        )

    async def admit(self, peer_id: str, *, timeout: float | None = None) -> None:
        """Admits a node; on an authority only. Returns once the decision is on disk."""
        await _in_thread(self.sync.admit, peer_id, timeout=timeout)

    async def ban(self, peer_id: str, *, timeout: float | None = None) -> None:
        """Bans a node; on an authority only. Returns once the decision is on disk."""
        await _in_thread(self.sync.ban, peer_id, timeout=timeout)

    async def remove(self, peer_id: str, *, timeout: float | None = None) -> None:
        """Removes a node; on an authority only. Returns once the decision is on disk."""
        await _in_thread(self.sync.remove, peer_id, timeout=timeout)

    async def grant(self, peer_id: str, name: str, *, timeout: float | None = None) -> None:
        """Gives a node a grant by its name; on an authority only. Returns once it is on disk."""
        await _in_thread(self.sync.grant, peer_id, name, timeout=timeout)

    async def revoke(self, peer_id: str, name: str, *, timeout: float | None = None) -> None:
        """Takes a grant back; on an authority only. Returns once it is on disk."""
        await _in_thread(self.sync.revoke, peer_id, name, timeout=timeout)

    async def observe(
        self, peer_id: str, counter: Counter, count: int = 1, *, timeout: float | None = None
    ) -> None:
        """Counts something about another node. What was not handed to an authority when this node stops is lost."""
        await _in_thread(self.sync.observe, peer_id, counter, count, timeout=timeout)

    async def set_allowed(
        self, peer_ids: Iterable[str], *, timeout: float | None = None
    ) -> None:
        """Replaces the list of whom an authority lets in by `allow-list`."""
        await _in_thread(self.sync.set_allowed, peer_ids, timeout=timeout)

    async def set_authorities(
        self,
        authorities: Iterable[str],
        *,
        retired: Iterable[str] = (),
        timeout: float | None = None,
    ) -> None:
        """Replaces the list of authorities, in which this node may become one or retire."""
        await _in_thread(self.sync.set_authorities, authorities, retired=retired, timeout=timeout)

    async def import_records(
        self,
        records: Iterable[ImportRecord],
        *,
        trust_grants: bool = False,
        timeout: float | None = None,
    ) -> ImportReport:
        """Takes over what another system knew; on an authority only. Importing the same again changes nothing."""
        command = self.sync.import_records
        return await _in_thread(command, records, trust_grants=trust_grants, timeout=timeout)


class Client:
    """Reads the roll of a node that runs, and gives it commands: as `rollbook.Client`, for asyncio."""

    def __init__(
        self,
        data_dir: str | os.PathLike[str] | None = None,
        *,
        url: str | None = None,
        token: str | None = None,
        timeout: float = 60.0,
    ) -> None:
        """By the data directory of a node on this machine, or by URL, and token where one is needed."""
        self._client = _client.Client(data_dir, url=url, token=token, timeout=timeout)

    def __repr__(self) -> str:
        return f"aio.{self._client!r}"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connections. Watches end."""
        self._client.close()

    @property
    def url(self) -> str:
        """Where the node answers."""
        return self._client.url

    async def get(self, peer_id: str) -> NodeView | None:
        """One node of the roll."""
        return await _in_thread(self._client.get, peer_id)

    async def nodes(
        self,
        *,
        online: bool = False,
        all: bool = False,
        capability: str | None = None,
        grant: str | None = None,
        standing: Standing | str | None = None,
        presence: Presence | str | None = None,
        home: str | None = None,
    ) -> list[NodeView]:
        """The nodes of the roll, in the order of their peer ids."""
        return await _in_thread(
            self._client.nodes,
            online=online,
            all=all,
            capability=capability,
            grant=grant,
            standing=standing,
            presence=presence,
            home=home,
        )

    async def page(
        self,
        *,
        sort: _node.SortKey = "peerId",
        after: str | None = None,
        limit: int = 1000,
        online: bool = False,
        all: bool = False,
        capability: str | None = None,
        grant: str | None = None,
        standing: Standing | str | None = None,
        presence: Presence | str | None = None,
        home: str | None = None,
    ) -> NodePage:
        """A page of the nodes, in an order of one's choice; `after` is the `next` of the page before."""
        return await _in_thread(
            self._client.page,
            sort=sort,
            after=after,
            limit=limit,
            online=online,
            all=all,
            capability=capability,
            grant=grant,
            standing=standing,
            presence=presence,
            home=home,
        )

    async def select(
        self, capability: str, *, grant: str | None = None, limit: int = 10
    ) -> list[NodeView]:
        """The nodes that can do something, the most reliable first."""
        return await _in_thread(self._client.select, capability, grant=grant, limit=limit)

    async def explain(self, peer_id: str) -> Explanation | None:
        """Why a node is seen as it is."""
        return await _in_thread(self._client.explain, peer_id)

    async def status(self) -> Status:
        """The state of the node."""
        return await _in_thread(self._client.status)

    async def ready(self) -> bool:
        """Whether the node is ready: it has a home, and its disk takes writes."""
        return await _in_thread(self._client.ready)

    async def metrics(self) -> str:
        """The node's figures, as Prometheus reads them."""
        return await _in_thread(self._client.metrics)

    async def events(self, after: int = 0, limit: int = 1000) -> EventPage:
        """At most `limit` of the events that follow number `after` and are still kept."""
        return await _in_thread(self._client.events, after, limit)

    async def watch(self, after: int | None = None) -> AsyncIterator[Event]:
        """Follows events: those after number `after`, or from now on. It ends with the node."""
        stream = await _in_thread(self._client.watch, after)
        try:
            while (event := await _next_of(stream)) is not None:
                yield event
        finally:
            stream.close()

    async def admit(self, peer_id: str) -> NodeView | None:
        """Admits a node; on an authority only. Gives the node as it is then, once the decision is on disk."""
        return await _in_thread(self._client.admit, peer_id)

    async def ban(self, peer_id: str) -> NodeView | None:
        """Bans a node; on an authority only."""
        return await _in_thread(self._client.ban, peer_id)

    async def remove(self, peer_id: str) -> NodeView | None:
        """Removes a node; on an authority only."""
        return await _in_thread(self._client.remove, peer_id)

    async def grant(self, peer_id: str, name: str) -> NodeView | None:
        """Gives a node a grant by its name; on an authority only."""
        return await _in_thread(self._client.grant, peer_id, name)

    async def revoke(self, peer_id: str, name: str) -> NodeView | None:
        """Takes a grant back; on an authority only."""
        return await _in_thread(self._client.revoke, peer_id, name)

    async def observe(self, peer_id: str, counter: Counter, count: int = 1) -> NodeView | None:
        """Counts something about another node."""
        return await _in_thread(self._client.observe, peer_id, counter, count)

    async def reload(self) -> Status:
        """Lets the node read its lists of authorities and of whom it lets in anew."""
        return await _in_thread(self._client.reload)

    async def import_records(
        self, records: Iterable[ImportRecord], *, trust_grants: bool = False
    ) -> ImportReport:
        """Takes over what another system knew; on an authority only."""
        command = self._client.import_records
        return await _in_thread(command, records, trust_grants=trust_grants)


async def _in_thread(call: Callable[_P, _T], *arguments: _P.args, **named: _P.kwargs) -> _T:
    return await asyncio.to_thread(call, *arguments, **named)


async def _at_once(call: Callable[[], _T]) -> _T:
    """Runs a call on a thread of its own, which begins now and comes to its end whatever becomes of the loop. Asyncio's
    own threads drop what is cancelled before its turn came."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[_T] = loop.create_future()

    def told(set_outcome: Callable[[Any], None], outcome: object) -> None:
        def tell() -> None:
            if not done.done():
                set_outcome(outcome)

        # Nobody listens any more on a loop that is closed.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(tell)

    def run() -> None:
        try:
            outcome = call()
        except BaseException as error:
            told(done.set_exception, error)
        else:
            told(done.set_result, outcome)

    threading.Thread(target=run, name="rollbook-aio").start()
    return await done


class _Starting:
    """A start on a thread, which goes on whatever becomes of the loop: a node that nobody waits for any more is ended
    as soon as it is there."""

    def __init__(self, make: Callable[[], _node.Node]) -> None:
        self._make = make
        self._lock = threading.Lock()
        self._node: _node.Node | None = None
        self._is_given_up = False

    def __call__(self) -> _node.Node:
        node = self._make()
        with self._lock:
            self._node = node
            is_given_up = self._is_given_up
        if is_given_up:
            node.abort()
        return node

    def give_up(self) -> None:
        with self._lock:
            self._is_given_up = True
            node = self._node
        if node is not None:
            node.abort()


async def _started(make: Callable[[], _node.Node]) -> _node.Node:
    starting = _Starting(make)
    try:
        return await _at_once(starting)
    except asyncio.CancelledError:
        starting.give_up()
        raise


async def _next_of(stream: _client.EventStream) -> Event | None:
    """The next event; a thread that waits for one ends when the waiting is cancelled."""
    waiting = asyncio.ensure_future(asyncio.to_thread(next, stream, None))
    try:
        return await asyncio.shield(waiting)
    except asyncio.CancelledError:
        stream.close()
        raise

