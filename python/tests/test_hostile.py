"""Bytes and texts that nobody should have sent, to every input that takes some."""

import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import rollbook
from conftest import ROOT, start
from rollbook import Keypair, Tracker, formats, keys

OWN, OTHER = Keypair.ed25519(b"\1" * 32), Keypair.ed25519(b"\2" * 32)
# What is refused is refused by one of these, and by nothing else.
REFUSALS = (rollbook.RollbookError, TypeError, OverflowError, UnicodeError)


def tracker() -> Tracker:
    made = Tracker(OWN)
    made.recover(formats.new_journal(OWN.peer_id))
    made.start()
    made.announce()
    return made


def known_bytes() -> Iterator[bytes]:
    """Everything in the vectors that is bytes."""
    for path in sorted((ROOT / "tests/vectors").glob("*.json")):
        stack: list[Any] = [json.loads(path.read_text())]
        while stack:
            item = stack.pop()
            if isinstance(item, dict):
                stack += item.values()
            elif isinstance(item, list):
                stack += item
            elif isinstance(item, str) and len(item) % 2 == 0 and len(item) > 20:
                try:
                    yield bytes.fromhex(item)
                except ValueError:
                    continue


def hostile(seed: int) -> Iterator[bytes]:
    """Nothing, too much, and what is known with bits flipped, cut, doubled and put together."""
    dice = random.Random(seed)
    known = list(dict.fromkeys(known_bytes()))
    yield from (b"", b"\0", b"\1", b"\xff" * 70_000, bytes(2_000_000))
    for _ in range(1_500):
        data = bytearray(dice.choice(known))
        match dice.randrange(4):
            case 0:
                data[dice.randrange(len(data))] ^= 1 << dice.randrange(8)
            case 1:
                del data[dice.randrange(len(data)) :]
            case 2:
                data += dice.choice(known)
            case _:
                data[:0] = bytes([dice.randrange(4), dice.randrange(4)])
        yield bytes(data)
    for _ in range(300):
        yield dice.randbytes(dice.randrange(200))


INPUTS: dict[str, Callable[[Tracker, bytes], object]] = {
    "gossip": lambda tracker, data: tracker.handle_gossip(OTHER.peer_id, data),
    "request": lambda tracker, data: tracker.handle_request(OTHER.peer_id, data),
    "response": lambda tracker, data: tracker.handle_response(OTHER.peer_id, data),
    "announcement": lambda tracker, data: tracker.announce(extra=data),
    "journal": lambda _, data: Tracker(OWN).recover(data),
    "read_journal": lambda _, data: formats.read_journal(data),
    "statement": lambda _, data: formats.Statement.from_bytes(data),
    "envelope": lambda _, data: formats.envelope("main", OWN.peer_id, data),
    "peer_id": lambda _, data: keys.peer_id_from_bytes(data),
    "multiaddr": lambda _, data: keys.multiaddr_from_bytes(data),
    "seed": lambda _, data: Keypair.ed25519(data),
    "scalar": lambda _, data: Keypair.secp256k1(data),
    "protobuf": lambda _, data: Keypair.from_protobuf(data),
    "signature": lambda _, data: keys.verify(OWN.peer_id, b"message", data),
    "message": lambda _, data: keys.verify(OWN.peer_id, data, OWN.sign(data)),
    "public_key": lambda _, data: keys.peer_id_of(keys.PublicKey("secp256k1", data)),
}


@pytest.mark.parametrize("name", INPUTS)
def test_bytes_are_taken_or_refused(name: str) -> None:
    used = tracker()
    for data in hostile(seed=7):
        try:
            INPUTS[name](used, data)
        except REFUSALS as error:
            # Not a fault of this software's own.
            assert not isinstance(error, rollbook.InternalError), (name, data.hex())
    assert used.get(OWN.peer_id) is not None, "it works as before"


TEXTS = ["", "x", "\0", "💥" * 100, "1" * 60, "z" * 10_000, "12D3KooW", OWN.peer_id + "1", "\ud800"]


def test_texts_are_taken_or_refused(tmp_path: Path) -> None:
    used = tracker()
    with start(tmp_path / "node") as node:
        for text in TEXTS:
            for take in (
                lambda text: used.get(text),
                lambda text: used.handle_connected(text),
                lambda text: used.handle_connected(OTHER.peer_id, remote=text),
                lambda text: used.announce(agent=text),
                lambda text: used.announce(addresses=[text]),
                lambda text: used.announce(capabilities=[text]),
                lambda text: used.grant(OTHER.peer_id, text),
                lambda text: used.observe(OTHER.peer_id, text),
                lambda text: used.select(text, grant=text),
                lambda text: node.get(text),
                lambda text: node.nodes(standing=text, home=text),
                lambda text: node.page(after=text, sort=text),
                lambda text: node.select(text),
                lambda text: node.explain(text),
                lambda text: node.admit(text),
                lambda text: node.grant(node.peer_id, text),
                lambda text: node.announce(agent=text),
                lambda text: node.announce(external_addresses=[text]),
                lambda text: node.import_records([rollbook.ImportRecord(text)]),
                lambda text: formats.new_journal(OWN.peer_id, text),
                lambda text: keys.multiaddr_to_bytes(text),
                lambda text: keys.is_central_authority(text, text),
                lambda text: Keypair.generate(text),
                lambda text: rollbook.set_log_level(text) if text != "x" else None,
            ):
                try:
                    take(text)
                except (*REFUSALS, KeyError) as error:
                    assert not isinstance(error, rollbook.InternalError), text
        assert node.get(node.peer_id) is not None


def test_numbers_are_taken_or_refused(tmp_path: Path) -> None:
    used = tracker()
    with start(tmp_path / "node") as node:
        for number in (-1, 0, 1, 2**31, 2**32, 2**63, 2**64, 2**200):
            for take in (
                lambda number: used.handle_journal_synced(number),
                lambda number: used.drain(limit=number),
                lambda number: used.select("x", limit=number),
                lambda number: used.observe(OTHER.peer_id, "app0", number),
                lambda number: used.import_history(OTHER.peer_id, first_joined=number),
                lambda number: node.events(number, number),
                lambda number: node.page(limit=number),
                lambda number: node.select("x", limit=number),
                lambda number: node.watch(number).take(number, 0.0),
            ):
                try:
                    take(number)
                except REFUSALS as error:
                    assert not isinstance(error, rollbook.InternalError), number
        for seconds in (-1.0, float("-inf"), float("nan")):
            try:
                assert node.watch().take(timeout=seconds) == []
            except rollbook.ArgumentError:
                assert seconds != seconds
        assert node.status().nodes.total >= 1
