"""Codes and exceptions: one table, the same numbers as in the C interface.

Numbers are never reused. Whatever goes wrong raises a `RollbookError`; what kind of failure it is says its class, its
`code`, and for programs that look closely its `reason`, the name of the cause.
"""

import enum
from typing import Final


class Code(enum.IntEnum):
    """What a call came to, as a number."""

    OK = 0
    """It did what it was asked to do."""
    NOTHING = 1
    """There was nothing to give."""
    NULL = -1
    """A pointer was null; only in C."""
    HANDLE = -2
    """A handle was none; only in C."""
    POISONED = -3
    """A fault of an earlier call left the object unusable."""
    PANIC = -4
    """A fault in this software."""
    BUFSIZE = -5
    """A buffer was too small; only in C."""
    MEMORY = -6
    """There was no memory."""
    UNSUPPORTED = -7
    """Something that this version does not have was asked for."""
    STATE = -8
    """The call does not fit the state of the object."""
    ARGUMENT = -9
    """An argument means nothing."""
    UTF8 = -10
    """A text was not UTF-8; only in C."""
    CONFIG = -11
    """A setting cannot be used."""
    PEER_ID = -12
    """Not a peer id."""
    KEY = -13
    """A key that cannot sign or be trusted."""
    FORMAT = -14
    """Of a format that this version cannot read."""
    FOREIGN = -15
    """The journal of another node, network or role."""
    FULL = -16
    """There is no room."""
    NOT_AUTHORITY = -17
    """Only an authority may do this."""
    RECOVERING = -18
    """The authority recovers, and decides nothing meanwhile."""
    UNKNOWN_NODE = -19
    """The roll does not know the node."""
    NOT_ADMITTED = -20
    """The node is not admitted."""
    SIGNATURE = -21
    """A signature that is not its writer's."""
    MALFORMED = -22
    """Bytes that are not what they should be."""
    IO = -23
    """A disk, a socket or the system failed."""
    CLOSED = -24
    """The object is closed, or the node is gone."""
    TIMEOUT = -25
    """It took longer than it was given."""
    BUSY = -26
    """Too much is asked at once."""
    IS_AUTHORITY = -27
    """This is not done to an authority."""
    NO_LONGER_AUTHORITY = -28
    """This node issued statements as an authority, and is listed as none."""
    PARTIAL = -29
    """A replica that does not hold every node cannot be an authority."""
    DAMAGED = -30
    """A part of the journal is lost, or it is none."""
    IN_USE = -31
    """The data directory is in use by another process."""


class RollbookError(Exception):
    """Whatever goes wrong in Rollbook."""

    code: Code
    """The number of the failure."""
    reason: str
    """The name of the cause, for programs: `WeakKey`, `ForeignPeer` and so on."""

    def __init__(self, message: str, *, code: Code | None = None, reason: str = "") -> None:
        super().__init__(message)
        self.code = _code_of_class(type(self)) if code is None else Code(code)
        self.reason = reason

    def __reduce__(self) -> tuple[object, ...]:
        return _restored, (type(self), str(self), int(self.code), self.reason)

    def __str__(self) -> str:
        return str(self.args[0]) if self.args else ""


class InternalError(RollbookError):
    """A fault in this software; the object that it happened in cannot be used any more."""


class UnsupportedError(RollbookError, NotImplementedError):
    """Something that this version does not have."""


class StateError(RollbookError, RuntimeError):
    """The call does not fit the state of the object."""


class ClosedError(StateError):
    """The object is closed, or the node has stopped or cannot be found."""


class ArgumentError(RollbookError, ValueError):
    """An argument means nothing."""


class ConfigError(RollbookError, ValueError):
    """A setting cannot be used."""


class PeerIdError(RollbookError, ValueError):
    """Not a peer id."""


class InvalidKeyError(RollbookError, ValueError):
    """A key that cannot sign, is weak, or of a kind that is not supported."""


class DecodeError(RollbookError, ValueError):
    """Bytes that are not what they should be."""


class FormatError(DecodeError):
    """Of a format that this version cannot read."""


class ForeignJournalError(RollbookError, ValueError):
    """A journal that belongs to another node, another network, or another role."""


class SignatureError(RollbookError, ValueError):
    """A signature that is not its writer's."""


class FullError(RollbookError):
    """There is no room: in the roll, in memory, or on disk."""


class RefusedError(RollbookError):
    """The command was understood and is not carried out."""


class NotAdmittedError(RefusedError):
    """The node is not admitted: admit it first."""


class IsAuthorityError(RefusedError):
    """This is not done to an authority."""


class NoLongerAuthorityError(RefusedError):
    """This node issued statements as an authority, and is listed as none, not even as retired."""


class PartialError(RefusedError):
    """A replica that does not hold every node cannot be an authority."""


class DamagedJournalError(RollbookError, ValueError):
    """A part of the journal is lost, or it is no journal."""


class NotAuthorityError(RefusedError):
    """Only an authority may do this, and this node is none."""


class RecoveringError(RefusedError):
    """The authority has lost a part of its journal and decides nothing until others gave it back."""


class UnknownNodeError(RollbookError, LookupError):
    """The roll does not know the node."""


class InputOutputError(RollbookError, OSError):
    """A disk, a socket or the system failed."""


class NodeTimeout(RollbookError, TimeoutError):
    """It took longer than it was given. Whether it took effect is not known."""


class BusyError(RollbookError):
    """Too much is asked at once: try again later."""


class InUseError(BusyError):
    """The data directory is in use by another process."""


_CLASSES: Final[dict[Code, type[RollbookError]]] = {
    Code.POISONED: InternalError,
    Code.PANIC: InternalError,
    Code.MEMORY: FullError,
    Code.UNSUPPORTED: UnsupportedError,
    Code.STATE: StateError,
    Code.ARGUMENT: ArgumentError,
    Code.UTF8: ArgumentError,
    Code.CONFIG: ConfigError,
    Code.PEER_ID: PeerIdError,
    Code.KEY: InvalidKeyError,
    Code.FORMAT: FormatError,
    Code.FOREIGN: ForeignJournalError,
    Code.FULL: FullError,
    Code.NOT_AUTHORITY: NotAuthorityError,
    Code.RECOVERING: RecoveringError,
    Code.UNKNOWN_NODE: UnknownNodeError,
    Code.NOT_ADMITTED: NotAdmittedError,
    Code.SIGNATURE: SignatureError,
    Code.MALFORMED: DecodeError,
    Code.IO: InputOutputError,
    Code.CLOSED: ClosedError,
    Code.TIMEOUT: NodeTimeout,
    Code.BUSY: BusyError,
    Code.IS_AUTHORITY: IsAuthorityError,
    Code.NO_LONGER_AUTHORITY: NoLongerAuthorityError,
    Code.PARTIAL: PartialError,
    Code.DAMAGED: DamagedJournalError,
    Code.IN_USE: InUseError,
}

# Of several codes of one class, what is raised without a code means this one.
_USUAL: Final[dict[type[RollbookError], Code]] = {
    InternalError: Code.PANIC,
    FullError: Code.FULL,
    ArgumentError: Code.ARGUMENT,
    # What a node elsewhere refuses has no number of its own.
    RefusedError: Code.STATE,
}


def _code_of_class(kind: type[RollbookError]) -> Code:
    if kind in _USUAL:
        return _USUAL[kind]
    for code, known in _CLASSES.items():
        if known is kind:
            return code
    return Code.PANIC


def error_of(code: str, reason: str, message: str) -> RollbookError:
    """The exception for the name of a code; the native module raises what this gives."""
    number = Code[code]
    return _CLASSES.get(number, InternalError)(message, code=number, reason=reason)


def _restored(kind: type[RollbookError], message: str, code: int, reason: str) -> RollbookError:
    return kind(message, code=Code(code), reason=reason)
