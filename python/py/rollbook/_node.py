"""A node of the network inside this process. The network runs on threads of its own, which never run Python."""

import atexit
import collections
import contextlib
import json
import os
import time
import warnings
import weakref
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self, TypedDict

from . import _native
from ._errors import NodeTimeout, RollbookError
from ._tracker import Admission, Counter
from ._types import (
    Event,
    EventKind,
    EventPage,
    Explanation,
    ImportRecord,
    ImportReport,
    NodePage,
    NodeView,
    Presence,
    Standing,
    Status,
    texts,
)

Reach = Literal["loopback", "private", "public"]
"""Which addresses a node announces and dials: of this machine, of a local network, of the internet."""
SortKey = Literal[
    "peerId",
    "-peerId",
    "firstJoined",
    "-firstJoined",
    "lastJoined",
    "-lastJoined",
    "lastUpdated",
    "-lastUpdated",
    "uptime",
    "-uptime",
]
"""What to order nodes by; `-` before it puts the greatest first."""



class NodeSettings(TypedDict, total=False):
    """The settings of a node by their names, as `Node` takes them."""

    network: str
    listen: Iterable[str] | None
    external_addresses: Iterable[str]
    reach: Reach | None
    mdns: bool
    authorities: Iterable[str]
    retired: Iterable[str]
    capabilities: Iterable[str]
    agent: str | None
    sync_interval: float
    key_type: Literal["ed25519", "secp256k1"] | None
    admission: Admission
    allowed: Iterable[str]
    grant_names: Iterable[str]
    max_connections: int
    capacity: int
    fresh: bool
    start_timeout: float | None


_CLOSE_TIMEOUT = 15.0
# The interpreter ends promptly, whatever was forgotten.
_EXIT_TIMEOUT = 1.0
# A state of which no event tells is looked at so often.
_LOOK_AGAIN = 0.1

_open_nodes: "weakref.WeakSet[Node]" = weakref.WeakSet()


class Watch:
    """Follows the events of a node. It holds nothing up: where it is too slow, an event of the kind `lagged` says how
    many it lost. It ends with the node, and by `close`."""

    __slots__ = ("_inner", "_waiting")

    def __init__(self, native: _native.Watch) -> None:
        self._inner = native
        self._waiting: collections.deque[Event] = collections.deque()

    def take(self, limit: int = 256, timeout: float | None = None) -> list[Event]:
        """Waits for events, `timeout` seconds at most, and gives those that are there; none once it has ended."""
        taken: list[Event] = []
        with contextlib.suppress(IndexError):
            while len(taken) < limit:
                taken.append(self._waiting.popleft())
        return taken or events_of(self._inner.take(limit, timeout))

    @property
    def ended(self) -> bool:
        """Whether no event follows."""
        return self._inner.ended

    def close(self) -> None:
        """Ends it; a thread that waits is told within a moment."""
        self._inner.close()

    def __iter__(self) -> Iterator[Event]:
        return self

    def __next__(self) -> Event:
        while True:
            # Several threads may follow: each event is one's alone.
            with contextlib.suppress(IndexError):
                return self._waiting.popleft()
            taken = events_of(self._inner.take(256, None))
            if not taken and self._inner.ended:
                raise StopIteration
            self._waiting.extend(taken)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def events_of(
    batch: tuple[list[tuple[int, int, str, str | None]], int, bool],
) -> list[Event]:
    """The events of a batch; what was lost comes after those that were before it."""
    events, lost, _ = batch
    told = [Event(EventKind(kind), peer_id, id, at) for id, at, kind, peer_id in events]
    return [*told, Event(EventKind.LAGGED, lost=lost)] if lost else told


class Node:
    """A running node. Reads are answered from memory and never wait for the network or the disk.

    It is started when it is made: it listens and has read its journal then, and joins the network in the background.
    It is closed by `close`, or at the end of a `with` block. Every call may come from any thread, and every one that
    waits can be interrupted by Ctrl-C.
    """

    __slots__ = ("__weakref__", "_inner")

    def __init__(
        self,
        data_dir: str | os.PathLike[str] = "rollbook-data",
        *,
        network: str = "main",
        listen: Iterable[str] | None = None,
        external_addresses: Iterable[str] = (),
        reach: Reach | None = None,
        mdns: bool = False,
        authorities: Iterable[str] = (),
        retired: Iterable[str] = (),
        capabilities: Iterable[str] = (),
        agent: str | None = None,
        sync_interval: float = 10.0,
        key_type: Literal["ed25519", "secp256k1"] | None = None,
        admission: Admission = "open",
        allowed: Iterable[str] = (),
        grant_names: Iterable[str] = (),
        max_connections: int = 1024,
        capacity: int = 100_000,
        fresh: bool = False,
        start_timeout: float | None = None,
    ) -> None:
        """`authorities` are addresses that end in `/p2p/ID`; without any, a node is its own. `listen` is port 7655 by
        TCP and QUIC unless it is said; port 0 takes a free one. All else as in `rollbook start --help`."""
        settings: dict[str, Any] = {
            "data_dir": os.fspath(data_dir),
            "network": network,
            "external_addresses": texts(external_addresses),
            "mdns": mdns,
            "authorities": texts(authorities),
            "retired": texts(retired),
            "capabilities": texts(capabilities),
            "sync_interval": sync_interval,
            "admission": admission,
            "allowed": texts(allowed),
            "grant_names": texts(grant_names),
            "max_connections": max_connections,
            "capacity": capacity,
            "fresh": fresh,
        }
        optional = {
            "listen": None if listen is None else texts(listen),
            "reach": reach,
            "agent": agent,
            "key_type": key_type,
        }
        settings |= {name: value for name, value in optional.items() if value is not None}
        self._inner = _native.Node.start(settings, start_timeout)
        _open_nodes.add(self)

    def __repr__(self) -> str:
        return f"Node({str(self.data_dir)!r}, peer_id={self.peer_id!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self.close()
        except RollbookError:
            # What went wrong first is what is told.
            if error is None:
                raise

    def __del__(self) -> None:
        native = getattr(self, "_inner", None)
        if native is not None and not native.closed:
            # It leaves by itself, in the background.
            warnings.warn(f"{self!r} was not closed", ResourceWarning, source=self, stacklevel=2)

    def close(self, timeout: float | None = _CLOSE_TIMEOUT) -> None:
        """Says that the node leaves, brings everything to disk and stops it, which takes at most a few seconds.
        Watches end. Nothing happens if it is closed already."""
        _open_nodes.discard(self)
        self._inner.close(timeout)

    def abort(self) -> None:
        """Ends the node at once and without a word, as if its process were killed: others see it as left when its
        lease lapses. Nothing that was acknowledged is lost."""
        _open_nodes.discard(self)
        self._inner.abort()

    @property
    def closed(self) -> bool:
        """Whether it is closed."""
        return self._inner.closed

    @property
    def peer_id(self) -> str:
        """Who this node is."""
        return self._inner.peer_id

    @property
    def data_dir(self) -> Path:
        """Where its files are."""
        return Path(self._inner.data_dir)

    @property
    def addresses(self) -> list[str]:
        """Where it listens: full addresses that end in `/p2p/ID`."""
        return self._inner.listen_addresses()

    def get(self, peer_id: str) -> NodeView | None:
        """One node of the roll."""
        return self._inner.get(peer_id)

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
        return self._inner.nodes(
            filter_of(online, all, capability, grant, standing, presence, home)
        )

    def page(
        self,
        *,
        sort: SortKey = "peerId",
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
        """A page of the nodes, in an order of one's choice; `after` is the `next` of the page before. Whoever asks for
        one page after another sees every node that stays as it is exactly once."""
        wanted = filter_of(online, all, capability, grant, standing, presence, home)
        nodes, following = self._inner.page(wanted, sort, after, limit)
        return NodePage(tuple(nodes), following)

    def select(
        self, capability: str, *, grant: str | None = None, limit: int = 10
    ) -> list[NodeView]:
        """The nodes that can do something, the most reliable first: those that are online, then those that can be
        reached while nobody can tell whether they are here."""
        return self._inner.select(capability, grant, limit)

    def explain(self, peer_id: str) -> Explanation | None:
        """Why a node is seen as it is: every fact with the statement that it stands in."""
        text = self._inner.explain(peer_id)
        return None if text is None else Explanation.from_dict(json.loads(text))

    def status(self) -> Status:
        """The state of this node."""
        return Status.from_dict(json.loads(self._inner.status()))

    def events(self, after: int = 0, limit: int = 1000) -> EventPage:
        """At most `limit` of the events that follow number `after` and are still kept."""
        return EventPage.from_dict(json.loads(self._inner.events(after, limit)))

    def watch(self, after: int | None = None) -> Watch:
        """Follows events: those after number `after`, or from now on."""
        return Watch(native_watch(self, after))

    def wait_until(
        self, condition: Callable[["Node"], object], timeout: float | None = None
    ) -> None:
        """Waits until a condition of this node is true. It is looked at whenever something happened, and now and then
        besides."""
        deadline = None if timeout is None else time.monotonic() + timeout
        with self.watch() as watch:
            while not condition(self):
                if deadline is not None and time.monotonic() >= deadline:
                    raise NodeTimeout("the condition did not become true in time", reason="Timeout")
                watch.take(timeout=_LOOK_AGAIN)

    def announce(
        self,
        *,
        capabilities: Iterable[str] | None = None,
        agent: str | None = None,
        external_addresses: Iterable[str] | None = None,
        timeout: float | None = None,
    ) -> None:
        """Changes what this node says of itself; what is left out stays as it is."""
        self._inner.announce(
            None if capabilities is None else texts(capabilities),
            agent,
            None if external_addresses is None else texts(external_addresses),
            timeout,
        )

    def admit(self, peer_id: str, *, timeout: float | None = None) -> None:
        """Admits a node; on an authority only. Returns once the decision is on disk."""
        self._inner.decide("admit", peer_id, timeout)

    def ban(self, peer_id: str, *, timeout: float | None = None) -> None:
        """Bans a node; on an authority only. Returns once the decision is on disk."""
        self._inner.decide("ban", peer_id, timeout)

    def remove(self, peer_id: str, *, timeout: float | None = None) -> None:
        """Removes a node; on an authority only. Returns once the decision is on disk."""
        self._inner.decide("remove", peer_id, timeout)

    def grant(self, peer_id: str, name: str, *, timeout: float | None = None) -> None:
        """Gives a node a grant by its name; on an authority only. Returns once it is on disk."""
        self._inner.set_grant(peer_id, name, True, timeout)

    def revoke(self, peer_id: str, name: str, *, timeout: float | None = None) -> None:
        """Takes a grant back; on an authority only. Returns once it is on disk."""
        self._inner.set_grant(peer_id, name, False, timeout)

    def observe(
        self, peer_id: str, counter: Counter, count: int = 1, *, timeout: float | None = None
    ) -> None:
        """Counts something about another node. What was not handed to an authority when this node stops is lost."""
        self._inner.observe(peer_id, counter, count, timeout)

    def set_allowed(self, peer_ids: Iterable[str], *, timeout: float | None = None) -> None:
        """Replaces the list of whom an authority lets in by `allow-list`."""
        self._inner.set_allowed(texts(peer_ids), timeout)

    def set_authorities(
        self,
        authorities: Iterable[str],
        *,
        retired: Iterable[str] = (),
        timeout: float | None = None,
    ) -> None:
        """Replaces the list of authorities, in which this node may become one or retire."""
        self._inner.set_authorities(texts(authorities), texts(retired), timeout)

    def import_records(
        self,
        records: Iterable[ImportRecord],
        *,
        trust_grants: bool = False,
        timeout: float | None = None,
    ) -> ImportReport:
        """Takes over what another system knew; on an authority only. Importing the same again changes nothing."""
        text = json.dumps([record.to_dict() for record in records])
        report = self._inner.import_records(text, trust_grants, timeout)
        return ImportReport.from_dict(json.loads(report))


def native_watch(node: Node, after: int | None) -> _native.Watch:
    """What both kinds of watches read from."""
    return node._inner.watch(after)


def filter_of(
    online: bool,
    all: bool,
    capability: str | None,
    grant: str | None,
    standing: Standing | str | None,
    presence: Presence | str | None,
    home: str | None,
) -> dict[str, Any]:
    """Which nodes are wanted, as the native module takes it."""
    return {
        "online": online,
        "all": all,
        "capability": capability,
        "grant": grant,
        "standing": standing,
        "presence": presence,
        "home": home,
    }


@atexit.register
def _close_forgotten() -> None:
    """Ends what was not closed before the interpreter ends, since its threads could not go on after it."""
    end = time.monotonic() + _EXIT_TIMEOUT
    forgotten = list(_open_nodes)
    for node in forgotten:
        try:
            node.close(timeout=max(0.0, end - time.monotonic()))
        except RollbookError:
            node.abort()
    for node in forgotten:
        warnings.warn(f"{node!r} was not closed", ResourceWarning, source=node, stacklevel=1)
