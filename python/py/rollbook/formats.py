"""Statements and journals as bytes, for programs that look for themselves."""

import dataclasses
from typing import Any, Literal, NamedTuple

from . import _native, keys
from ._errors import SignatureError

__all__ = [
    "Frame",
    "Journal",
    "Statement",
    "StatementKind",
    "envelope",
    "new_journal",
    "read_journal",
]

Buffer = bytes | bytearray | memoryview
StatementKind = Literal["announcement", "decision", "presence"]
"""What a statement says: what a node says of itself, what an authority decided, what an authority observed."""
FrameKind = Literal["header", "epoch", "statement", "alive", "observed", "other"]


@dataclasses.dataclass(frozen=True, slots=True)
class Statement:
    """A signed, versioned fact by one writer about one node."""

    kind: StatementKind
    """What it says."""
    subject: str
    """The node that it is about."""
    writer_hint: bytes
    """Who made it, in short: see `keys.writer_hint`."""
    epoch: int
    """The boot of the writer."""
    seq: int
    """Its place among the statements of that boot."""
    payload: bytes
    """The bytes that are signed, within their envelope."""
    signature: bytes
    """The writer's signature."""
    fields: dict[str, Any] = dataclasses.field(hash=False)
    """What it says, by the names of the protocol."""

    @classmethod
    def from_bytes(cls, data: Buffer) -> "Statement":
        """Reads a statement as on the wire. Its signature is not checked."""
        return cls(**_native.decode_statement(data))

    def check(self, network: str, writer: str) -> None:
        """Checks that `writer` signed this in `network`, and raises if it is not so."""
        if keys.writer_hint(writer) != self.writer_hint:
            raise SignatureError("the statement is another writer's", reason="Writer")
        keys.verify(writer, envelope(network, writer, self.payload), self.signature)


class Frame(NamedTuple):
    """A frame of a journal."""

    kind: FrameKind
    """What it holds."""
    value: Any
    """A number, bytes, or a tuple of them."""


class Journal(NamedTuple):
    """What a journal holds."""

    frames: list[Frame]
    """The whole frames, in their order."""
    damaged_bytes: int
    """How many bytes were skipped between them."""
    torn_bytes: int
    """How many bytes of an unfinished frame stand at the end."""


def read_journal(data: Buffer) -> Journal:
    """Reads a journal past any damage. It is not looked at whose it is."""
    frames, damaged, torn = _native.read_journal(data)
    return Journal([Frame(*frame) for frame in frames], damaged, torn)


def new_journal(peer_id: str, network: str = "") -> bytes:
    """The first frame of a journal, which whoever makes an identity stores with it: so a journal that was lost later
    is told from one that never was."""
    return _native.new_journal(peer_id, network)


def envelope(network: str, writer: str, payload: Buffer) -> bytes:
    """The bytes that `writer` signs for a statement's payload in `network`: libp2p's signed envelope."""
    return _native.envelope(network, writer, payload)
