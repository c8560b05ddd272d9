"""Keys, peer ids, signatures and addresses, as functions of text and bytes."""

from typing import Literal, NamedTuple

from . import _native
from ._native import Keypair

__all__ = [
    "KeyType",
    "Keypair",
    "PublicKey",
    "eth_address",
    "is_central_authority",
    "multiaddr_from_bytes",
    "multiaddr_to_bytes",
    "peer_id_from_bytes",
    "peer_id_of",
    "peer_id_to_bytes",
    "public_key_of",
    "verify",
    "writer_hint",
]

Buffer = bytes | bytearray | memoryview
KeyType = Literal["ed25519", "secp256k1"]
"""The kinds of keys that can sign statements."""


class PublicKey(NamedTuple):
    """The public half of a node's key."""

    key_type: KeyType
    """Its kind."""
    data: bytes
    """32 bytes of an ed25519 key, 33 of a secp256k1 key."""


def peer_id_to_bytes(peer_id: str) -> bytes:
    """The bytes of a peer id: its multihash."""
    return _native.peer_id_to_bytes(peer_id)


def peer_id_from_bytes(data: Buffer) -> str:
    """The text of a peer id's bytes."""
    return _native.peer_id_from_bytes(data)


def peer_id_of(key: PublicKey) -> str:
    """The peer id of a public key. A key that signatures may not count under is refused."""
    return _native.peer_id_of_key(key.key_type, key.data)


def public_key_of(peer_id: str) -> PublicKey | None:
    """The key that a peer id holds; nothing if it is the hash of a key, or of a kind that is not known."""
    parts = _native.public_key_of(peer_id)
    return None if parts is None else PublicKey(*parts)


def eth_address(peer_id: str) -> str | None:
    """The Ethereum address of a secp256k1 peer id, with its checksum; nothing for others."""
    return _native.eth_address(peer_id)


def writer_hint(peer_id: str) -> bytes:
    """The 4 bytes that stand for a peer id as a writer of statements."""
    return _native.writer_hint(peer_id)


def verify(peer_id: str, message: Buffer, signature: Buffer) -> None:
    """Checks that a signature over a message is that of a peer id, and raises if it is not."""
    _native.verify(peer_id, message, signature)


def multiaddr_to_bytes(address: str) -> bytes:
    """The bytes of an address."""
    return _native.multiaddr_to_bytes(address)


def multiaddr_from_bytes(data: Buffer) -> str:
    """The text of an address's bytes."""
    return _native.multiaddr_from_bytes(data)


def is_central_authority(node_address: str, authority_address: str) -> bool:
    """Whether the address of a node and that of a central authority name the same peer id."""
    return _native.is_central_authority(node_address, authority_address)
