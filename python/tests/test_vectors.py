"""The golden vectors that every implementation reads and writes, through what the package offers."""

import json
import zlib
from collections.abc import Iterator
from typing import Any

import pytest
import rollbook
from conftest import ROOT
from rollbook import Keypair, Now, Presence, Standing, Tracker, Verdict, formats, keys

VECTORS = ROOT / "tests/vectors"


def read(name: str) -> dict[str, Any]:
    vectors: dict[str, Any] = json.loads((VECTORS / name).read_text())
    return vectors


def secrets(vectors: dict[str, Any]) -> dict[str, Keypair]:
    made = {}
    for key in vectors["keys"]:
        make = Keypair.ed25519 if key["key_type"] == "ed25519" else Keypair.secp256k1
        made[key["peer_id"]] = make(bytes.fromhex(key["secret"]))
    return made


def cobs(data: bytes) -> bytes:
    """Consistent overhead byte stuffing, as docs/format.md says it."""
    out = bytearray()
    for at, block in enumerate(data.split(b"\0")):
        while len(block) >= 254:
            out += b"\xff" + block[:254]
            block = block[254:]
        out += bytes([len(block) + 1]) + block
        del at
    return bytes(out)


def frame(kind: int, body: bytes) -> bytes:
    """A frame of a journal, made by hand."""
    plain = bytes([kind]) + body
    return cobs(plain + zlib.crc32(plain).to_bytes(4, "little")) + b"\0"


def varint(number: int) -> bytes:
    low = number & 0x7F
    return bytes([low]) if number < 0x80 else bytes([low | 0x80]) + varint(number >> 7)


def statement_frame(statement: str) -> bytes:
    data = bytes.fromhex(statement)
    return frame(2, varint(len(data)) + data)


def replica(
    own: Keypair, authorities: list[str], statements: list[str], now: Now = Now(0, 1_793_500_000)
) -> Tracker:
    """A tracker that holds these statements, as its journal had them."""
    tracker = Tracker(own, authorities=authorities, seed=bytes(32), clock=lambda: now)
    tracker.recover(formats.new_journal(own.peer_id, "main"))
    journal = b"".join(map(statement_frame, statements))
    assert tracker.recover(journal).frames == len(statements)
    tracker.start()
    return tracker


def statements_of(tracker: Tracker) -> list[str]:
    frames = formats.read_journal(tracker.snapshot()).frames
    return sorted(frame.value.hex() for frame in frames if frame.kind == "statement")


# A node that is in no vector.
STRANGER = Keypair.ed25519(b"a stranger, who is in no vector.")


def test_peer_ids_are_read_and_written() -> None:
    for peer in read("peer_ids.json")["peer_ids"]:
        text, data = peer["text"], bytes.fromhex(peer["bytes"])
        assert keys.peer_id_to_bytes(text) == data
        assert keys.peer_id_from_bytes(data) == text
        assert keys.writer_hint(text).hex() == peer["hint"]
        key = keys.public_key_of(text)
        assert (key and key.key_type) == peer["key_type"]
        assert (key and key.data.hex()) == peer["public_key"]
        address = keys.eth_address(text)
        assert (address and address.lower()) == (
            peer["eth_address"] and peer["eth_address"].lower()
        )


def test_what_is_no_peer_id_is_refused_by_name() -> None:
    vectors = read("peer_ids.json")
    for refused in vectors["refused_texts"]:
        with pytest.raises(rollbook.PeerIdError) as error:
            keys.peer_id_to_bytes(refused["text"])
        assert error.value.reason == refused["error"]
    for refused in vectors["refused_bytes"]:
        with pytest.raises(rollbook.PeerIdError) as error:
            keys.peer_id_from_bytes(bytes.fromhex(refused["bytes"]))
        assert error.value.reason == refused["error"], refused["name"]


def test_keys_are_made_of_their_secrets() -> None:
    for key in read("peer_ids.json")["keys"]:
        secret = bytes.fromhex(key["secret"])
        make = Keypair.ed25519 if key["key_type"] == "ed25519" else Keypair.secp256k1
        made = make(secret)
        assert (made.peer_id, made.key_type) == (key["peer_id"], key["key_type"])
        assert made.public_key.hex() == key["public_key"]
        assert Keypair.from_protobuf(made.to_protobuf()) == made


def test_keys_are_checked() -> None:
    for key in read("signatures.json")["checked_keys"]:
        public = keys.PublicKey(key["key_type"], bytes.fromhex(key["public_key"]))
        if key["error"] is None:
            assert keys.peer_id_of(public) == key["peer_id"], key["name"]
            continue
        with pytest.raises(rollbook.InvalidKeyError) as error:
            keys.peer_id_of(public)
        assert error.value.reason == key["error"], key["name"]


def test_signatures_count_or_do_not() -> None:
    for signed in read("signatures.json")["signatures"]:
        parts = (bytes.fromhex(signed["message"]), bytes.fromhex(signed["signature"]))
        if signed["error"] is None:
            keys.verify(signed["peer_id"], *parts)
            continue
        with pytest.raises(rollbook.RollbookError) as error:
            keys.verify(signed["peer_id"], *parts)
        assert error.value.reason == signed["error"], signed["name"]


def expected_fields(fields: dict[str, Any]) -> dict[str, Any]:
    """The fields of a vector as the package has them."""
    (kind, told), *_ = fields.items()
    told = dict(told)
    if kind == "announcement":
        told["home"] = bytes.fromhex(told["home"])
        told["addresses"] = [bytes.fromhex(address) for address in told["addresses"]]
        told["extra"] = bytes.fromhex(told["extra"])
    elif kind == "decision":
        told["registers"] = [tuple(register.values()) for register in told["registers"]]
    else:
        told["rests_on"] = tuple(told["rests_on"].values())
        told["horizon"] = told["horizon"] and tuple(told["horizon"].values())
        told["tallies"] = [tuple(tally.values()) for tally in told["tallies"]]
        imported = told["imported"]
        told["imported"] = imported and (
            imported["first_joined"],
            imported["uptime"],
            [tuple(counted) for counted in imported["counted"]],
        )
    return told


def test_statements_are_read_and_signed_alike() -> None:
    vectors = read("statements.json")
    signers = secrets(vectors)
    for vector in vectors["statements"]:
        statement = formats.Statement.from_bytes(bytes.fromhex(vector["wire"]))
        assert statement.kind == next(iter(vector["fields"]))
        assert statement.subject == vector["subject"]
        assert statement.writer_hint == keys.writer_hint(vector["writer"])
        version = vector["version"]
        assert (statement.epoch, statement.seq) == (version["epoch"], version["seq"])
        assert statement.payload.hex() == vector["payload"]
        assert statement.signature.hex() == vector["signature"]
        assert statement.fields == expected_fields(vector["fields"]), vector["name"]
        statement.check(vectors["network"], vector["writer"])
        signed = formats.envelope(vectors["network"], vector["writer"], statement.payload)
        assert signed.hex() == vector["envelope"]
        assert signers[vector["writer"]].sign(signed) == statement.signature


def test_statements_that_nobody_takes_are_refused() -> None:
    vectors = read("statements_refused.json")
    refused_by: dict[str, int] = {}
    for vector in vectors["statements"]:
        refused_by[vector["refused_by"]] = refused_by.get(vector["refused_by"], 0) + 1
        with pytest.raises(rollbook.RollbookError) as error:
            statement = formats.Statement.from_bytes(bytes.fromhex(vector["wire"]))
            statement.check(vectors["network"], vector["writer"])
        if vector["refused_by"] != "verify" or error.value.reason != "Writer":
            assert error.value.reason == vector["error"], vector["name"]
    assert len(refused_by) > 1


def test_frames_and_journals_are_read() -> None:
    vectors = read("frames.json")
    whole = []
    for vector in vectors["frames"]:
        data = bytes.fromhex(vector["bytes"])
        (kind, told), *_ = vector["fields"].items()
        journal = formats.read_journal(data)
        assert (journal.damaged_bytes, journal.torn_bytes) == (0, 0), vector["name"]
        (read_frame,) = journal.frames
        assert read_frame.kind == kind
        body = bytes.fromhex(vector["body"])
        assert frame(body[0], body[1:]) == data, "stuffed as the page says"
        match kind:
            case "header":
                assert read_frame.value[0] == told["format"]
                assert keys.peer_id_from_bytes(read_frame.value[1]) == told["peer_id"]
                assert read_frame.value[2] == told["network"]
                assert formats.new_journal(told["peer_id"], told["network"]) == data
            case "epoch" | "alive":
                assert read_frame.value == told
            case "statement":
                assert read_frame.value.hex() == told
            case _:
                observer = read_frame.value[0]
                assert (keys.peer_id_from_bytes(observer) if observer else None) == told["observer"]
                assert read_frame.value[1:3] == (told["session"], told["number"])
        whole.append(read_frame)
    for vector in vectors["journals"]:
        journal = formats.read_journal(bytes.fromhex(vector["bytes"]))
        assert journal.frames == [whole[place] for place in vector["frames"]], vector["name"]
        found = (journal.damaged_bytes, journal.torn_bytes)
        assert found == (vector["damaged_bytes"], vector["torn_bytes"]), vector["name"]


def payloads(statements: list[str]) -> list[bytes]:
    return sorted(formats.Statement.from_bytes(bytes.fromhex(wire)).payload for wire in statements)


def is_vouched(statements: list[str]) -> bool:
    """Whether an authority says something: a roll holds nobody of whom none does."""
    kinds = {formats.Statement.from_bytes(bytes.fromhex(wire)).kind for wire in statements}
    return kinds != {"announcement"}


def test_merging_is_what_the_vectors_say() -> None:
    vectors = read("merge.json")
    checked = set()
    for pair in vectors["pairs"]:
        if not is_vouched(pair["normalised"]):
            continue
        checked.add(pair["name"])
        tracker = replica(STRANGER, vectors["authorities"], [*pair["a"], *pair["b"]])
        assert statements_of(tracker) == sorted(pair["normalised"]), pair["name"]
        again = [*pair["b"], *pair["a"], *pair["a"]]
        tracker = replica(STRANGER, vectors["authorities"], again)
        # Of two signatures under one payload the first stays.
        assert payloads(statements_of(tracker)) == payloads(pair["normalised"]), pair["name"]
    assert len(checked) >= 10


STANDINGS = {0: Standing.PENDING, 1: Standing.REMOVED, 2: Standing.BANNED}
GRANTS = ["", "staked", "validator", *(f"app{index}" for index in range(13))]


def in_touch_with(tracker: Tracker, peers: list[str]) -> None:
    """Lets a tracker hear authorities, by the smallest request that there is."""
    minimal = next(
        vector for vector in read("messages.json")["requests"] if vector["name"] == "minimal"
    )
    for peer in peers:
        tracker.handle_request(peer, bytes.fromhex(minimal["bytes"]))


def test_views_are_folded_as_the_vectors_say() -> None:
    vectors = read("view.json")
    hints = {keys.writer_hint(peer).hex(): peer for peer in vectors["authorities"]}
    checked = 0
    for case in vectors["cases"]:
        now = Now(0, case["now"])
        tracker = replica(STRANGER, vectors["authorities"], case["statements"], now)
        in_touch_with(tracker, [hints[hint] for hint in case["in_touch"] if hint in hints])
        expected, seen = case["view"], tracker.get(case["subject"])
        if seen is None:
            # Whom nobody vouches for is in no roll.
            assert expected["standing"] == 0, case["name"]
            continue
        checked += 1
        standing = expected["standing"]
        usual = Standing.ADMITTED if standing & 0x80 else Standing.REMOVED
        assert seen.standing == STANDINGS.get(standing, usual), case["name"]
        assert seen.grants == tuple(GRANTS[grant] for grant in expected["grants"]), case["name"]
        assert seen.presence == Presence(expected["here"]), case["name"]
        assert seen.is_active == expected["is_active"], case["name"]
        announced = expected["announced"] or {"epoch": None, "seq": None}
        assert (seen.epoch, seen.seq) == (announced["epoch"], announced["seq"]), case["name"]
        for name in ("session", "home", "first_joined", "last_joined", "last_left", "last_updated"):
            assert getattr(seen, name) == expected[name], (case["name"], name)
        assert seen.uptime_seconds == expected["uptime"], case["name"]
        assert seen.accumulated_uptime_seconds == expected["accumulated_uptime"], case["name"]
    assert checked >= 33


def test_roots_are_those_of_the_vectors() -> None:
    vectors = read("root.json")
    checked = 0
    for roll in vectors["rolls"]:
        authorities = vectors["authority_sets"][-1]["authorities"]
        tracker = replica(STRANGER, authorities, roll["statements"])
        if statements_of(tracker) == sorted(roll["statements"]):
            assert tracker.root().hex() == roll["root"], roll["name"]
            checked += 1
    assert checked >= 2
    for listed in vectors["authority_sets"]:
        tracker = Tracker(STRANGER, authorities=listed["authorities"])
        assert tracker.authorities_hash().hex() == listed["hash"]


def messages() -> Iterator[tuple[str, bytes]]:
    vectors = read("messages.json")
    for sort in ("gossip", "requests", "responses"):
        for vector in vectors[sort]:
            yield sort, bytes.fromhex(vector["bytes"])


def test_messages_are_taken_and_malformed_ones_refused() -> None:
    vectors = read("messages.json")
    sender = Keypair.ed25519(bytes(32)).peer_id
    tracker = replica(STRANGER, [key["peer_id"] for key in vectors["keys"]][:2], [])
    counts = {"gossip": 0, "requests": 0, "responses": 0}
    for sort, data in messages():
        counts[sort] += 1
        match sort:
            case "gossip":
                assert tracker.handle_gossip(sender, data) in Verdict
            case "requests":
                assert tracker.handle_request(sender, data)[:1] == b"\x01"
            case _:
                tracker.handle_response(sender, data)
    assert min(counts.values()) > 2
    for refused in vectors["refused"]:
        data = bytes.fromhex(refused["bytes"])
        if refused["read_as"] == "request":
            with pytest.raises(rollbook.DecodeError) as error:
                tracker.handle_request(sender, data)
            assert error.value.reason == refused["error"], refused["name"]


def test_a_walk_between_the_rolls_of_the_vectors_ends_at_their_root() -> None:
    vectors = read("walk.json")
    time = Now(0, 1_793_500_000)
    sides = [
        replica(Keypair.ed25519(seed), vectors["authorities"], vectors[name], time)
        for seed, name in ((b"a" * 32, "asking"), (b"b" * 32, "answering"))
    ]
    ids = [side.peer_id for side in sides]
    for side, other in zip(sides, reversed(ids), strict=True):
        side.handle_connected(other, now=time)
    roots = {side.root().hex() for side in sides}
    assert len(roots) == 2
    while roots != {vectors["root"]}:
        time = Now(time.mono_ms + 1000, time.unix_s + 1)
        assert time.mono_ms < 600_000, "they come to hold the same"
        for one, another in ((0, 1), (1, 0)):
            sides[one].handle_timeout(now=time)
            exchange(sides[one], sides[another], time)
        roots = {side.root().hex() for side in sides}


def exchange(asking: Tracker, answering: Tracker, time: Now) -> None:
    """Everything that one wants of the other."""
    while outputs := asking.drain(now=time):
        if (position := outputs.sync_position) is not None:
            asking.handle_journal_synced(position)
        for request in outputs.requests:
            answer = answering.handle_request(asking.peer_id, request.data, now=time)
            asking.handle_response(request.to, answer, now=time)
