"""What is read: frozen records of plain values, which can be compared, hashed, pickled and printed.

`to_dict` gives the JSON form of the HTTP API and of the command line, `from_dict` reads it; what a later version added
is passed over.
"""

import dataclasses
import enum
import time
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, Self, cast


class Standing(enum.StrEnum):
    """Whether a node belongs to the network."""

    PENDING = "pending"
    """No authority vouches for it yet."""
    ADMITTED = "admitted"
    """It belongs."""
    BANNED = "banned"
    """An authority's operator banned it."""
    REMOVED = "removed"
    """An authority's operator removed it."""


class Presence(enum.StrEnum):
    """Whether a node is here."""

    ONLINE = "online"
    """Its home says that it is here, and its home is in touch."""
    LEFT = "left"
    """It left."""
    UNKNOWN = "unknown"
    """Nobody can tell at the moment."""


class Role(enum.StrEnum):
    """What a node is in its network."""

    AUTHORITY = "authority"
    """Its peer id is in the configured list of authorities."""
    MEMBER = "member"
    """Any other node."""


class Verdict(enum.StrEnum):
    """What pubsub is to do with a message."""

    ACCEPT = "accept"
    """Pass it on: it advanced the roll."""
    IGNORE = "ignore"
    """Neither pass it on nor hold it against the sender."""
    REJECT = "reject"
    """Hold it against the sender: it is malformed or forged."""


class EventKind(enum.StrEnum):
    """What happened."""

    JOINED = "joined"
    """A node came, in a session that was not told of yet."""
    RETURNED = "returned"
    """A node is known to be here again, in the session in which it had joined."""
    LEFT = "left"
    """A node left."""
    UNKNOWN = "unknown"
    """It is no longer known whether a node is here."""
    CHANGED = "changed"
    """What a node says of itself changed."""
    PENDING = "pending"
    """A node that no authority vouches for announced itself."""
    ADMITTED = "admitted"
    """A node was admitted."""
    REMOVED = "removed"
    """A node was removed."""
    BANNED = "banned"
    """A node was banned."""
    FORGOTTEN = "forgotten"
    """A node is not in the roll any more."""
    GRANTS_CHANGED = "grantsChanged"
    """A node's grants changed."""
    EQUIVOCATION = "equivocation"
    """A writer contradicted itself."""
    DUPLICATE_IDENTITY = "duplicateIdentity"
    """Another machine uses this node's key."""
    AUTHORITY_IN_TOUCH = "authorityInTouch"
    """An authority was heard again."""
    AUTHORITY_LOST = "authorityLost"
    """An authority was not heard for a lease window."""
    AUTHORITIES_CHANGED = "authoritiesChanged"
    """The list of authorities was replaced."""
    HOME_CHANGED = "homeChanged"
    """This node's home is another one, or none."""
    RECOVERING = "recovering"
    """This authority lost its journal, or a part of it, and signs nothing for now."""
    RECOVERED = "recovered"
    """This authority has back what it had signed, and signs again."""
    BECAME_PARTIAL = "becamePartial"
    """This node has no room for every node, or cannot check what one says."""
    BECAME_WHOLE = "becameWhole"
    """This node holds every node again."""
    ROOTS_DIFFER = "rootsDiffer"
    """This node and another one hold different rolls, and find nothing to tell each other."""
    NOTHING_IN_COMMON = "nothingInCommon"
    """Another node of the network lists none of the authorities that this one does."""
    COMPACTION_DUE = "compactionDue"
    """The journal has grown to several times what it holds: time for a snapshot. Only of a `Tracker`."""
    LAGGED = "lagged"
    """The reader was too slow: so many events are gone that it has not seen."""
    OTHER = "other"
    """Something that this version has no name for."""

    @classmethod
    def _missing_(cls, value: object) -> "EventKind":
        return cls.OTHER


class Now(NamedTuple):
    """The time by both clocks."""

    mono_ms: int
    """Milliseconds by a clock that never goes back, from any start. Leases and intervals live by it."""
    unix_s: int
    """Seconds since 1970: shown to people, and never decides anything between statements."""

    @classmethod
    def read(cls) -> Self:
        """The clocks of this machine."""
        return cls(time.monotonic_ns() // 1_000_000, int(time.time()))


def texts(given: Iterable[str]) -> list[str]:
    """Several texts; one alone, whose letters would be taken for them, is a mistake."""
    if isinstance(given, str):
        raise TypeError(f"a list of texts is wanted, not the text {given!r}")
    return list(given)


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(word.capitalize() for word in rest)


def _plain(value: Any) -> Any:
    if isinstance(value, Record):
        return value.to_dict()
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, Mapping):
        return dict(cast("Mapping[str, Any]", value))
    if isinstance(value, tuple):
        return [_plain(item) for item in cast("Iterable[Any]", value)]
    return value


def _frozen(value: Any) -> Any:
    return tuple(cast("Iterable[Any]", value)) if isinstance(value, list) else value


@dataclasses.dataclass(frozen=True, slots=True)
class Record:
    """A record with a JSON form."""

    def to_dict(self) -> dict[str, Any]:
        """The JSON form, as the HTTP API has it."""
        fields = dataclasses.fields(self)
        return {_camel(field.name): _plain(getattr(self, field.name)) for field in fields}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Reads the JSON form. Keys that are not known are passed over; one that is missing is a `KeyError`,
        unless it has a default."""
        values: dict[str, Any] = {}
        for field in dataclasses.fields(cls):
            key = _camel(field.name)
            has_default = field.default is not dataclasses.MISSING
            if key in data or not has_default:
                values[field.name] = cls._read(field.name, data[key])
        return cls(**values)

    @classmethod
    def _read(cls, name: str, value: Any) -> Any:
        return _frozen(value)


@dataclasses.dataclass(frozen=True, slots=True)
class Tally(Record):
    """What others counted about a node in one counter."""

    counter: str
    """`successes`, `timeouts`, `not-found`, `app0` to `app4`."""
    count: int
    """How often."""
    last: int
    """When last, in unix seconds."""


@dataclasses.dataclass(frozen=True, slots=True)
class NodeView(Record):
    """One node, as the roll knows it now. Times are unix seconds."""

    peer_id: str
    """The node."""
    multiaddrs: tuple[str, ...]
    """How it is reached, without the trailing `/p2p/ID`."""
    agent: str
    """The software that it says it runs; empty while it is not known."""
    capabilities: tuple[str, ...]
    """What it says it can do."""
    standing: Standing
    """Whether it belongs."""
    is_staked: bool
    """Whether it has the grant `staked`."""
    is_validator: bool
    """Whether it has the grant `validator`."""
    grants: tuple[str, ...]
    """The names of all its grants."""
    presence: Presence
    """Whether it is here."""
    is_active: bool
    """Online, or unknown and last known online."""
    home: str | None
    """The authority that it renews its lease with."""
    session: str | None
    """Its current run, in hex."""
    first_joined: int | None
    """When it joined for the first time."""
    last_joined: int | None
    """When it joined last."""
    last_left: int | None
    """When it left last."""
    last_updated: int | None
    """When the newest statement about it was issued."""
    uptime_seconds: int
    """How long it has been here in this session."""
    accumulated_uptime_seconds: int
    """How long it has been here in all its sessions."""
    eth_address: str | None
    """The Ethereum address of its key, if it is a secp256k1 key."""
    epoch: int | None
    """The epoch of its announcement."""
    seq: int | None
    """The sequence number of its announcement within the epoch."""
    tallies: tuple[Tally, ...] = ()
    """What others counted about it, without what was never counted."""

    @classmethod
    def _read(cls, name: str, value: Any) -> Any:
        match name:
            case "standing":
                return Standing(value)
            case "presence":
                return Presence(value)
            case "tallies":
                return tuple(Tally.from_dict(tally) for tally in value)
            case _:
                return _frozen(value)


@dataclasses.dataclass(frozen=True, slots=True)
class NodePage(Record):
    """Some nodes of the roll."""

    nodes: tuple[NodeView, ...]
    """The nodes in their order."""
    next: str | None = None
    """Where the next page begins, if there is one."""

    @classmethod
    def _read(cls, name: str, value: Any) -> Any:
        return tuple(NodeView.from_dict(node) for node in value) if name == "nodes" else value


@dataclasses.dataclass(frozen=True, slots=True)
class Event(Record):
    """A past fact about the roll. What it is about is read from the roll."""

    kind: EventKind
    """What happened."""
    peer_id: str | None = None
    """The node that it is about."""
    id: int | None = None
    """Its place in the node's sequence of events, which goes on after a restart. Not of a `Tracker`."""
    at: int | None = None
    """When the node saw it, in unix seconds."""
    lost: int = 0
    """How many events are gone, where the kind is `lagged`."""

    @classmethod
    def _read(cls, name: str, value: Any) -> Any:
        return EventKind(value) if name == "kind" else value


@dataclasses.dataclass(frozen=True, slots=True)
class EventPage(Record):
    """Some of a node's events, oldest first."""

    events: tuple[Event, ...]
    """The events, without a gap between them."""
    lost: int
    """How many events before the first of them are no longer kept."""
    next: int | None
    """After which event the next page begins; nothing if this was the last."""

    @classmethod
    def _read(cls, name: str, value: Any) -> Any:
        return tuple(Event.from_dict(event) for event in value) if name == "events" else value


@dataclasses.dataclass(frozen=True, slots=True)
class AuthorityStatus(Record):
    """One configured authority, as a node sees it."""

    peer_id: str
    """The authority."""
    in_touch: bool
    """Whether the node, or its home, heard it within the last lease window."""
    retired: bool = False
    """Whether it retired: it is nobody's home and signs nothing new."""


@dataclasses.dataclass(frozen=True, slots=True)
class NodeCounts(Record):
    """How many nodes of each sort the roll has."""

    total: int
    """Admitted nodes."""
    online: int
    """Admitted nodes that are online."""
    left: int
    """Admitted nodes that have left."""
    unknown: int
    """Admitted nodes of which it is not known whether they are here."""
    pending: int
    """Nodes that no authority vouches for yet."""
    removed: int
    """Removed nodes."""
    banned: int
    """Banned nodes."""


@dataclasses.dataclass(frozen=True, slots=True)
class Status(Record):
    """The state of one node."""

    peer_id: str
    """The node."""
    network: str
    """The name of its network."""
    role: Role
    """Authority or member."""
    home: str | None
    """The authority that it renews its lease with."""
    degraded: bool
    """True while it has no home."""
    recovering: bool
    """True while an authority that lost a part of its journal signs nothing."""
    authorities: tuple[AuthorityStatus, ...]
    """The configured authorities."""
    nodes: NodeCounts
    """The size of the roll."""
    root: str
    """The root of the roll, in hex: equal on two nodes that hold the same roll."""
    journal_bytes: int
    """The size of the journal file."""
    connections: int
    """How many peers are connected."""
    listen: tuple[str, ...]
    """The addresses that it listens on, ending in `/p2p/ID`."""
    counters: Mapping[str, int] = dataclasses.field(hash=False)
    """What was counted since the start: messages, drops by reason, and so on."""
    version: str
    """The version of its software."""
    started_at: int
    """When it was started, in unix seconds."""
    last_event: int
    """The number of the newest event."""
    warnings: tuple[str, ...]
    """What an operator should look at."""
    isolated: bool = False
    """True while an authority takes itself to be cut off."""
    roll_bytes: int = 0
    """The size of all statements in the roll."""
    leases: int = 0
    """How many sessions this authority knows to be here."""
    journal_fault: str | None = None
    """Why the journal cannot be written at the moment."""
    process_id: int = 0
    """The number of the process that it runs in."""

    @classmethod
    def _read(cls, name: str, value: Any) -> Any:
        match name:
            case "role":
                return Role(value)
            case "authorities":
                return tuple(AuthorityStatus.from_dict(authority) for authority in value)
            case "nodes":
                return NodeCounts.from_dict(value)
            case _:
                return _frozen(value)


@dataclasses.dataclass(frozen=True, slots=True)
class FactView(Record):
    """A fact that a statement holds, and where it is from."""

    fact: str
    """What it is about, as `standing` or `address`."""
    value: str
    """What is said."""
    statement: str
    """The kind of statement: `decision`, `presence` or `announcement`."""
    writer: str
    """Who says it."""
    epoch: int
    """The statement's epoch."""
    seq: int
    """Its number within the epoch."""
    stamp: int | None
    """The stamp of what was decided; of several authorities the greatest counts."""
    counts: bool
    """Whether the node is seen as it is because of this."""


@dataclasses.dataclass(frozen=True, slots=True)
class Equivocation(Record):
    """Two statements of one writer that contradict each other."""

    writer: str
    """Who made them."""
    epoch: int
    """The epoch of both."""
    seq: int
    """Their number within the epoch."""


@dataclasses.dataclass(frozen=True, slots=True)
class Explanation(Record):
    """Why a node is seen as it is."""

    facts: tuple[FactView, ...]
    """Every fact that is known of it."""
    equivocations: tuple[Equivocation, ...]
    """Who contradicted itself about it lately."""

    @classmethod
    def _read(cls, name: str, value: Any) -> Any:
        kind: type[Record] = FactView if name == "facts" else Equivocation
        return tuple(kind.from_dict(item) for item in value)


@dataclasses.dataclass(frozen=True, slots=True)
class ImportRecord(Record):
    """What another system knew about one node."""

    peer_id: str
    """The node, as text: a bad one is reported and skipped."""
    multiaddrs: tuple[str, ...] = ()
    """Where it was reached: hints for dialling."""
    first_joined: int = 0
    """When it joined for the first time, in unix seconds; 0 if not known."""
    accumulated_uptime_seconds: int = 0
    """How long it was here."""
    is_staked: bool = False
    """Whether it was staked."""
    is_validator: bool = False
    """Whether it was a validator."""
    tallies: tuple[Tally, ...] = ()
    """What was counted about it: `successes`, `timeouts` and `not-found`."""

    @classmethod
    def _read(cls, name: str, value: Any) -> Any:
        if name == "tallies":
            return tuple(Tally.from_dict(tally) for tally in value)
        return _frozen(value)


@dataclasses.dataclass(frozen=True, slots=True)
class InvalidRecord(Record):
    """A record that could not be used."""

    peer_id: str
    """The peer id as it stood in the record."""
    reason: str
    """Why not."""


@dataclasses.dataclass(frozen=True, slots=True)
class ImportReport(Record):
    """What an import did."""

    imported: int
    """Records that changed the roll."""
    unchanged: int
    """Records that the roll held already."""
    clamped: int
    """Records whose uptime was longer than the time since they joined, and was cut to it."""
    grants_taken: int
    """Grants taken over."""
    grants_left_out: int
    """Grants left out, because the import did not ask to trust them."""
    not_admitted: int
    """Records of nodes that the roll has banned or removed."""
    invalid: tuple[InvalidRecord, ...]
    """Records that could not be used."""

    @classmethod
    def _read(cls, name: str, value: Any) -> Any:
        return tuple(InvalidRecord.from_dict(item) for item in value) if name == "invalid" else value
