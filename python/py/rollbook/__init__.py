"""The roll of a peer-to-peer network: who is in it, how each node is reached, what it can do, who vouches for it, and
whether it is here now.

* `Client` reads the roll of a node that runs, and gives it commands.
* `Node` is a node of the network inside this process.
* `Tracker` is the roll as a state machine, over a transport of one's own.
* `aio` has clients and nodes for asyncio.
* `keys` has peer ids, keys and signatures; `formats` has statements and journals as bytes.
"""

from . import aio, formats, keys
from ._client import Client, EventStream
from ._errors import (
    ArgumentError,
    BusyError,
    ClosedError,
    Code,
    ConfigError,
    DecodeError,
    ForeignJournalError,
    FormatError,
    FullError,
    InputOutputError,
    InternalError,
    InvalidKeyError,
    NodeTimeout,
    NotAuthorityError,
    PeerIdError,
    RecoveringError,
    RefusedError,
    RollbookError,
    SignatureError,
    StateError,
    UnknownNodeError,
    UnsupportedError,
)
from ._logging import set_log_level
from ._native import VERSION as __version__
from ._native import Keypair
from ._node import Node, Watch
from ._tracker import JournalFrame, Outputs, Recovered, Request, Tracker, TrackerStatus
from ._types import (
    AuthorityStatus,
    Equivocation,
    Event,
    EventKind,
    EventPage,
    Explanation,
    FactView,
    ImportRecord,
    ImportReport,
    InvalidRecord,
    NodeCounts,
    NodePage,
    NodeView,
    Now,
    Presence,
    Role,
    Standing,
    Status,
    Tally,
    Verdict,
)

__all__ = [
    "ArgumentError",
    "AuthorityStatus",
    "BusyError",
    "Client",
    "ClosedError",
    "Code",
    "ConfigError",
    "DecodeError",
    "Equivocation",
    "Event",
    "EventKind",
    "EventPage",
    "EventStream",
    "Explanation",
    "FactView",
    "ForeignJournalError",
    "FormatError",
    "FullError",
    "ImportRecord",
    "ImportReport",
    "InputOutputError",
    "InternalError",
    "InvalidKeyError",
    "InvalidRecord",
    "JournalFrame",
    "Keypair",
    "Node",
    "NodeCounts",
    "NodePage",
    "NodeTimeout",
    "NodeView",
    "NotAuthorityError",
    "Now",
    "Outputs",
    "PeerIdError",
    "Presence",
    "Recovered",
    "RecoveringError",
    "RefusedError",
    "Request",
    "Role",
    "RollbookError",
    "SignatureError",
    "Standing",
    "StateError",
    "Status",
    "Tally",
    "Tracker",
    "TrackerStatus",
    "UnknownNodeError",
    "UnsupportedError",
    "Verdict",
    "Watch",
    "__version__",
    "aio",
    "formats",
    "keys",
    "set_log_level",
]
