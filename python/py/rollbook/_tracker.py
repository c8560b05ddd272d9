"""The roll as a state machine: inputs in, outputs out in batches, no network, no files, no threads."""

import dataclasses
import json
from collections.abc import Callable, Iterable, Sequence
from types import TracebackType
from typing import Literal, NamedTuple, Self

from . import _native
from ._native import Keypair
from ._types import Event, EventKind, Explanation, NodeView, Now, Record, Role, Verdict, texts

Buffer = bytes | bytearray | memoryview
Admission = Literal["open", "allow-list", "manual"]
Counter = Literal["successes", "timeouts", "not-found", "app0", "app1", "app2", "app3", "app4"]


class JournalFrame(NamedTuple):
    """A frame to append to the journal."""

    data: bytes
    """Its bytes, checksum and delimiter included."""
    position: int
    """Its number, for `Tracker.handle_journal_synced`."""
    must_sync: bool
    """Whether something waits for it to be durable."""


class Request(NamedTuple):
    """A request to send."""

    to: str
    """The peer id of the node to ask."""
    data: bytes
    """The message."""


@dataclasses.dataclass(frozen=True, slots=True)
class Outputs:
    """What a tracker wants done, in this order. It is true while there is anything."""

    frames: list[JournalFrame]
    """To append to the journal; where one is `must_sync`, the file is made durable and the tracker told so."""
    publications: list[bytes]
    """To gossip."""
    requests: list[Request]
    """To send; the answer or the failure of each is handed in."""
    events: list[Event]
    """For the application."""

    def __bool__(self) -> bool:
        return bool(self.frames or self.publications or self.requests or self.events)

    @property
    def sync_position(self) -> int | None:
        """The position of the last frame, if any of them must be made durable."""
        must_sync = any(frame.must_sync for frame in self.frames)
        return self.frames[-1].position if must_sync else None


@dataclasses.dataclass(frozen=True, slots=True)
class Recovered(Record):
    """What was taken back from a journal."""

    frames: int
    """Whole frames."""
    skipped: int
    """Whole frames of which this version cannot read what is in them."""
    damaged_bytes: int
    """Bytes that were skipped between them."""
    torn_bytes: int
    """Bytes of an unfinished frame at the end, to be cut off before more is appended."""


@dataclasses.dataclass(frozen=True, slots=True)
class TrackerStatus:
    """A tracker's state in figures."""

    role: Role
    """What it is to its network."""
    home: str | None
    """The authority that it renews its lease with; for an authority that knows of no other, itself."""
    recovering: bool
    """It is an authority that signs nothing until it has back what it said before."""
    isolated: bool
    """It is an authority that takes itself to be cut off."""
    partial: bool
    """It does not hold every node."""
    degraded: bool
    """It has no home, so nobody vouches that it is here."""
    admitted: int
    """Nodes that belong to the network."""
    online: int
    """Of these: nodes that are online."""
    left: int
    """Of these: nodes that left."""
    unknown: int
    """Of these: nodes of which nobody in touch can say."""
    pending: int
    """Nodes that wait to be admitted."""
    removed: int
    """Removed nodes."""
    banned: int
    """Banned nodes."""
    root: bytes
    """The digest of the roll: equal rolls have equal roots."""
    roll_bytes: int
    """The size of all statements in the roll."""
    leases: int
    """Sessions that this authority knows to be here."""


class Tracker:
    """The roll of one node, driven by hand over any transport.

    Made, given its journal by `recover`, started by `start`, and told who it is by `announce`. Then whatever happens is
    handed in by the methods `handle_...`, and after each of them `drain` gives what is to be done, until there is
    nothing. `next_timeout` says when to call `handle_timeout` at the latest.

    Every call takes the time as `now`; left out, it is that of `clock`. Calls may come from any thread. It does no
    input or output, so it never waits for anything but another thread's call.
    """

    __slots__ = ("_clock", "_inner")

    def __init__(
        self,
        keys: Keypair,
        *,
        authorities: Iterable[str] = (),
        retired: Iterable[str] = (),
        network: str = "main",
        sync_interval: float = 10.0,
        capacity: int = 100_000,
        admission: Admission = "open",
        grant_names: Iterable[str] = (),
        partial: bool = False,
        compaction_floor: int = 256 * 1024,
        message_size_max: int = 16 * 1024,
        tallies_interval: float = 3600.0,
        seed: Buffer | None = None,
        clock: Callable[[], Now] = Now.read,
    ) -> None:
        """`authorities` are peer ids, in the order in which a member tries them; without any, a node is its own.
        `seed` are 32 bytes that differ at every start and that nobody else knows; left out, the system draws them."""
        self._clock = clock
        self._inner = _native.Tracker(
            keys,
            texts(authorities),
            texts(retired),
            network,
            _milliseconds(sync_interval),
            capacity,
            admission,
            texts(grant_names),
            partial,
            compaction_floor,
            message_size_max,
            _milliseconds(tallies_interval),
            seed,
        )

    def __repr__(self) -> str:
        return f"Tracker({self.peer_id!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Gives the memory back; whatever is called later raises `ClosedError`."""
        self._inner.close()

    @property
    def closed(self) -> bool:
        """Whether it is closed."""
        return self._inner.closed

    @property
    def peer_id(self) -> str:
        """This node."""
        return self._inner.peer_id

    # The start.

    def recover(self, journal: Buffer) -> Recovered:
        """Takes back this node's journal, or a part of it that ends with a frame, before the start. Damage is skipped
        and noted."""
        return Recovered(*self._inner.recover(journal))

    def note_damage(self) -> None:
        """Notes, before the start, that a part of the journal could not be read: an authority recovers first."""
        self._inner.note_damage()

    def start(self, *, now: Now | None = None) -> None:
        """Begins the run, after the journal was taken back. An authority whose journal does not begin with its header
        (see `formats.new_journal`) recovers first."""
        self._inner.start(*self._now(now))

    @property
    def started(self) -> bool:
        """Whether it is started."""
        return self._inner.started

    def announce(
        self,
        *,
        addresses: Iterable[str] = (),
        agent: str = "",
        capabilities: Iterable[str] = (),
        extra: Buffer = b"",
        now: Now | None = None,
    ) -> None:
        """Says what this node is: at most 8 addresses, 48 bytes of agent, 12 names of at most 32 bytes, and 64 bytes
        of the application's own. Where it is what it said last, nothing happens."""
        self._inner.announce(*self._now(now), texts(addresses), agent, texts(capabilities), extra)

    def leave(self, *, now: Now | None = None) -> None:
        """Says that this node stops. What is left to do is to drain the outputs, and to wait a moment for
        `is_leave_acknowledged`."""
        self._inner.leave(*self._now(now))

    def is_leave_acknowledged(self) -> bool:
        """Whether an authority holds this node's newest announcement, or nobody is there to hold it."""
        return self._inner.is_leave_acknowledged()

    # Inputs.

    def handle_gossip(self, sender: str, message: Buffer, *, now: Now | None = None) -> Verdict:
        """A gossip message arrived. `sender` is the connected peer that passed it on, as the transport authenticated
        it. The verdict is for pubsub: only what is accepted is passed on."""
        return Verdict(self._inner.handle_gossip(*self._now(now), sender, message))

    def handle_request(self, sender: str, message: Buffer, *, now: Now | None = None) -> bytes:
        """A request arrived; gives the answer. A request that is malformed raises `DecodeError`."""
        return self._inner.handle_request(*self._now(now), sender, message)

    def handle_response(self, sender: str, message: Buffer, *, now: Now | None = None) -> None:
        """The answer to this node's request arrived. One that is malformed raises `DecodeError`; the request is made
        again in its turn."""
        self._inner.handle_response(*self._now(now), sender, message)

    def handle_request_failed(self, peer_id: str, *, now: Now | None = None) -> None:
        """A request could not be sent or was not answered."""
        self._inner.handle_request_failed(*self._now(now), peer_id)

    def handle_connected(
        self, peer_id: str, *, remote: str | None = None, now: Now | None = None
    ) -> None:
        """The first connection to a peer was made, from the address `remote` if that is known."""
        self._inner.handle_connected(*self._now(now), peer_id, remote)

    def handle_disconnected(self, peer_id: str, *, now: Now | None = None) -> None:
        """The last connection to a peer was closed."""
        self._inner.handle_disconnected(*self._now(now), peer_id)

    def handle_timeout(self, *, now: Now | None = None) -> None:
        """Time passed: to be called no later than `next_timeout` says."""
        self._inner.handle_timeout(*self._now(now))

    def handle_journal_synced(self, position: int) -> None:
        """All journal frames up to this position are durable."""
        self._inner.handle_journal_synced(position)

    # Outputs.

    def drain(self, *, limit: int = 256, now: Now | None = None) -> Outputs:
        """What is to be done now, at most `limit` of each sort. To be called after every input, until it gives
        nothing."""
        frames, publications, requests, events = self._inner.drain(*self._now(now), limit)
        return Outputs(
            [JournalFrame(*frame) for frame in frames],
            publications,
            [Request(*request) for request in requests],
            [Event(EventKind(kind), peer_id) for kind, peer_id in events],
        )

    def next_timeout(self) -> int | None:
        """When `handle_timeout` is to be called, in monotonic milliseconds."""
        return self._inner.next_timeout_ms()

    def snapshot(self) -> bytes:
        """A whole compacted journal. Frames given out before it are in it; those given out after it belong behind
        it."""
        return self._inner.snapshot()

    # Reading.

    def get(self, peer_id: str, *, now: Now | None = None) -> NodeView | None:
        """One node, those that wait to be admitted included."""
        return self._inner.node(*self._now(now), peer_id)

    def nodes(self, *, now: Now | None = None) -> list[NodeView]:
        """All nodes in the roll's order, removed and banned ones included, then those that wait to be admitted."""
        return self._inner.nodes(*self._now(now))

    def select(
        self, capability: str, *, grant: str | None = None, limit: int = 10, now: Now | None = None
    ) -> list[NodeView]:
        """The nodes that can do something, the most reliable first."""
        return self._inner.select(*self._now(now), capability, grant, limit)

    def explain(self, peer_id: str) -> Explanation | None:
        """Why a node is seen as it is: every fact with the statement that it stands in."""
        text = self._inner.explain(peer_id)
        return None if text is None else Explanation.from_dict(json.loads(text))

    def extra(self, peer_id: str, *, now: Now | None = None) -> bytes | None:
        """The bytes of the application's own in what a node announces."""
        return self._inner.extra(*self._now(now), peer_id)

    def status(self, *, now: Now | None = None) -> TrackerStatus:
        """The state in figures. Looks at every node."""
        parts = self._inner.status(*self._now(now))
        role = Role(parts.pop("role"))
        return TrackerStatus(role, **parts)

    def counters(self) -> dict[str, int]:
        """How often each thing happened since the start: whatever is dropped on purpose is here."""
        return dict(self._inner.counters())

    def root(self) -> bytes:
        """The digest of the roll: equal rolls have equal roots."""
        return self._inner.root()

    def session(self) -> str:
        """This run of this node, in hex."""
        return self._inner.session()

    def authorities(self) -> tuple[list[str], list[str]]:
        """The peer ids of the authorities: those that act, and those that retired."""
        return self._inner.authorities()

    def authorities_hash(self) -> bytes:
        """A hash of the set of authorities: equal where two replicas trust the same ones."""
        return self._inner.authorities_hash()

    # Commands.

    def admit(self, peer_id: str, *, now: Now | None = None) -> int:
        """Decides that a node belongs to the network. Gives a number: the decision is durable once `durable` has come
        to it."""
        return self._inner.admit(*self._now(now), peer_id)

    def ban(self, peer_id: str, *, now: Now | None = None) -> int:
        """Keeps a node out of the network until it is admitted."""
        return self._inner.ban(*self._now(now), peer_id)

    def remove(self, peer_id: str, *, now: Now | None = None) -> int:
        """Takes a node off the roll until it is admitted."""
        return self._inner.remove(*self._now(now), peer_id)

    def grant(self, peer_id: str, name: str, *, now: Now | None = None) -> int:
        """Grants something to a node: `staked`, `validator`, a configured name, or `app0` to `app12`."""
        return self._inner.set_grant(*self._now(now), peer_id, name, True)

    def revoke(self, peer_id: str, name: str, *, now: Now | None = None) -> int:
        """Takes a grant back."""
        return self._inner.set_grant(*self._now(now), peer_id, name, False)

    def durable(self) -> int:
        """Up to which number commands are on disk."""
        return self._inner.durable()

    def observe(
        self, peer_id: str, counter: Counter, count: int = 1, *, now: Now | None = None
    ) -> None:
        """Counts something about another node, which is handed to the home."""
        self._inner.observe(*self._now(now), peer_id, counter, count)

    def observations_waiting(self) -> int:
        """How much of what this node counted no authority has acknowledged."""
        return self._inner.observations_waiting()

    def import_history(
        self,
        peer_id: str,
        *,
        first_joined: int = 0,
        uptime_seconds: int = 0,
        counted: Sequence[tuple[int, int]] = ((0, 0), (0, 0), (0, 0)),
        grants: Iterable[str] = (),
        now: Now | None = None,
    ) -> Literal["taken", "unchanged", "notAdmitted"]:
        """Takes over a node's history, and grants, from before Rollbook; on an authority only. `counted` are counts
        and last times of successes, timeouts and what was not found."""
        outcome, _ = self._inner.import_history(
            *self._now(now), peer_id, first_joined, uptime_seconds, list(counted), texts(grants)
        )
        return outcome

    def set_allowed(self, peer_ids: Iterable[str]) -> None:
        """Replaces the list of whom this authority lets in by `allow-list`."""
        self._inner.set_allowed(texts(peer_ids))

    def set_authorities(
        self,
        authorities: Iterable[str],
        *,
        retired: Iterable[str] = (),
        admission: Admission = "open",
        now: Now | None = None,
    ) -> None:
        """Replaces the list of authorities, in which this node may become one, or retire."""
        self._inner.set_authorities(
            *self._now(now), texts(authorities), texts(retired), admission
        )

    def hold(self, peer_id: str) -> None:
        """Lets a partial replica hold a node, beside itself and the authorities."""
        self._inner.hold(peer_id)

    def release(self, peer_id: str) -> None:
        """Lets a partial replica forget a node."""
        self._inner.release(peer_id)

    def end_recovery(self, *, now: Now | None = None) -> None:
        """Ends the recovery of an authority whose operator vouches that it never said anything that it does not
        hold."""
        self._inner.end_recovery(*self._now(now))

    def _now(self, now: Now | None) -> Now:
        return self._clock() if now is None else now


def _milliseconds(seconds: float) -> int:
    return max(0, round(seconds * 1000))
