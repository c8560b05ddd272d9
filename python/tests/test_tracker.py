"""The state machine, driven by hand in virtual time."""

import pickle
import threading
from collections import deque
from collections.abc import Callable
from typing import Any

import pytest
import rollbook
from rollbook import EventKind, Keypair, Now, Presence, Role, Standing, Tracker, Verdict, formats

AUTHORITY = Keypair.ed25519(b"\1" * 32)
MEMBER = Keypair.secp256k1(b"\2" * 32)
START = Now(1_000, 1_790_000_000)


class Host:
    """A tracker with its journal."""

    def __init__(self, keys: Keypair, journal: bytes | None = None, **settings: Any) -> None:
        self.journal = formats.new_journal(keys.peer_id) if journal is None else journal
        self.tracker = Tracker(keys, authorities=[AUTHORITY.peer_id], **settings)
        self.recovered = self.tracker.recover(self.journal)
        self.events: list[rollbook.Event] = []

    def start(self, now: Now, **said: Any) -> "Host":
        self.tracker.start(now=now)
        self.tracker.announce(now=now, **said)
        return self


class Network:
    """Hosts that are all connected, on a perfect network, in virtual time."""

    def __init__(self, *hosts: Host) -> None:
        self.hosts = {host.tracker.peer_id: host for host in hosts}
        self.now = START
        for host in hosts:
            for other in self.hosts:
                if other != host.tracker.peer_id:
                    host.tracker.handle_connected(other, now=self.now)

    def settle(self) -> None:
        """Does whatever anybody wants done."""
        busy = deque(self.hosts.values())
        while busy:
            host = busy.popleft()
            outputs = host.tracker.drain(now=self.now)
            if not outputs:
                continue
            busy.append(host)
            for frame in outputs.frames:
                host.journal += frame.data
            if (position := outputs.sync_position) is not None:
                host.tracker.handle_journal_synced(position)
            own = host.tracker.peer_id
            for message in outputs.publications:
                for peer_id, other in self.hosts.items():
                    if peer_id != own:
                        verdict = other.tracker.handle_gossip(own, message, now=self.now)
                        assert verdict is not Verdict.REJECT
                        busy.append(other)
            for request in outputs.requests:
                other = self.hosts[request.to]
                answer = other.tracker.handle_request(own, request.data, now=self.now)
                host.tracker.handle_response(request.to, answer, now=self.now)
                busy.append(other)
            host.events += outputs.events

    def run(self, seconds: int) -> None:
        for _ in range(seconds):
            self.now = Now(self.now.mono_ms + 1_000, self.now.unix_s + 1)
            for host in self.hosts.values():
                host.tracker.handle_timeout(now=self.now)
            self.settle()


def two() -> tuple[Network, Host, Host]:
    authority = Host(AUTHORITY).start(START, addresses=["/ip4/192.0.2.1/tcp/7655"])
    said = {"capabilities": ["worker"], "agent": "test/1", "extra": b"own"}
    member = Host(MEMBER).start(START, addresses=["/ip4/192.0.2.2/tcp/7655"], **said)
    network = Network(authority, member)
    network.run(40)
    return network, authority, member


def test_a_member_joins_and_both_hold_the_same() -> None:
    network, authority, member = two()
    assert authority.tracker.root() == member.tracker.root()
    seen = authority.tracker.get(MEMBER.peer_id, now=network.now)
    assert seen is not None
    assert (seen.presence, seen.standing) == (Presence.ONLINE, Standing.ADMITTED)
    assert (seen.agent, seen.capabilities) == ("test/1", ("worker",))
    assert seen.multiaddrs == ("/ip4/192.0.2.2/tcp/7655",)
    assert seen.eth_address is not None
    assert authority.tracker.extra(MEMBER.peer_id, now=network.now) == b"own"
    explained = member.tracker.explain(MEMBER.peer_id)
    assert explained is not None and explained.equivocations == ()
    assert {fact.writer for fact in explained.facts} == {AUTHORITY.peer_id, MEMBER.peer_id}
    assert member.tracker.explain(Keypair.generate().peer_id) is None
    joined = rollbook.Event(EventKind.JOINED, MEMBER.peer_id)
    assert joined in authority.events and joined in member.events
    assert len(member.tracker.nodes(now=network.now)) == 2
    status = member.tracker.status(now=network.now)
    assert (status.role, status.online, status.home) == (Role.MEMBER, 2, AUTHORITY.peer_id)
    assert [node.peer_id for node in member.tracker.select("worker", now=network.now)] == [
        MEMBER.peer_id
    ]


def test_decisions_reach_the_other_and_only_an_authority_makes_them() -> None:
    network, authority, member = two()
    number = authority.tracker.grant(MEMBER.peer_id, "staked", now=network.now)
    assert authority.tracker.durable() < number, "its frame is not on disk"
    network.settle()
    assert authority.tracker.durable() >= number
    seen = member.tracker.get(MEMBER.peer_id, now=network.now)
    assert seen is not None and seen.is_staked and seen.grants == ("staked",)
    with pytest.raises(rollbook.NotAuthorityError) as error:
        member.tracker.ban(AUTHORITY.peer_id, now=network.now)
    assert (error.value.code, error.value.reason) == (-17, "NotAuthority")
    with pytest.raises(rollbook.ArgumentError):
        authority.tracker.grant(MEMBER.peer_id, "crown", now=network.now)
    authority.tracker.ban(MEMBER.peer_id, now=network.now)
    network.settle()
    assert rollbook.Event(EventKind.BANNED, MEMBER.peer_id) in member.events


def test_grants_go_by_the_names_of_the_application() -> None:
    host = Host(AUTHORITY, grant_names=["indexer"]).start(START)
    network = Network(host)
    network.settle()
    host.tracker.admit(MEMBER.peer_id, now=START)
    host.tracker.grant(MEMBER.peer_id, "indexer", now=START)
    seen = host.tracker.get(MEMBER.peer_id, now=START)
    assert seen is not None and seen.grants == ("indexer",)
    host.tracker.revoke(MEMBER.peer_id, "app0", now=START)
    seen = host.tracker.get(MEMBER.peer_id, now=START)
    assert seen is not None and seen.grants == ()


def test_leaving_is_seen_at_once() -> None:
    network, authority, member = two()
    member.tracker.leave(now=network.now)
    network.settle()
    assert member.tracker.is_leave_acknowledged()
    seen = authority.tracker.get(MEMBER.peer_id, now=network.now)
    assert seen is not None and seen.presence is Presence.LEFT


def test_a_silent_member_is_seen_as_left_when_its_lease_lapses() -> None:
    network, authority, _ = two()
    del network.hosts[MEMBER.peer_id]
    authority.tracker.handle_disconnected(MEMBER.peer_id, now=network.now)
    network.run(60)
    assert rollbook.Event(EventKind.LEFT, MEMBER.peer_id) in authority.events


def test_what_was_observed_is_summed() -> None:
    network, authority, member = two()
    member.tracker.observe(AUTHORITY.peer_id, "successes", 3, now=network.now)
    assert member.tracker.observations_waiting() > 0
    network.run(30)
    assert member.tracker.observations_waiting() == 0
    with pytest.raises(rollbook.UnknownNodeError):
        member.tracker.observe(Keypair.generate().peer_id, "timeouts", now=network.now)
    assert authority.tracker.counters()["observations_refused"] == 0


def test_a_journal_brings_the_roll_back() -> None:
    network, authority, member = two()
    root = member.tracker.root()
    again = Host(MEMBER, member.journal)
    assert again.recovered.frames > 3
    assert again.recovered.damaged_bytes == again.recovered.torn_bytes == 0
    again.tracker.start(now=network.now)
    assert again.tracker.root() == root
    compact = authority.tracker.snapshot()
    assert len(compact) <= len(authority.journal)
    restored = Host(AUTHORITY, compact)
    restored.tracker.start(now=network.now)
    assert restored.tracker.root() == authority.tracker.root()


def test_damage_is_skipped_and_counted() -> None:
    _, authority, member = two()
    torn = Host(MEMBER, member.journal[:-3])
    assert torn.recovered.torn_bytes > 0
    damaged = bytearray(authority.journal)
    damaged[len(damaged) // 2] ^= 1
    host = Host(AUTHORITY, bytes(damaged))
    assert host.recovered.damaged_bytes > 0
    host.tracker.start(now=START)
    assert host.tracker.status(now=START).recovering, "an authority may have forgotten something"
    host.tracker.end_recovery(now=START)
    assert not host.tracker.status(now=START).recovering


def test_an_authority_without_the_first_frame_recovers() -> None:
    host = Host(AUTHORITY, b"").start(START)
    assert host.tracker.status(now=START).recovering
    with pytest.raises(rollbook.RecoveringError):
        host.tracker.admit(MEMBER.peer_id, now=START)


def test_a_foreign_journal_is_refused() -> None:
    tracker = Tracker(MEMBER)
    for journal, reason in [
        (formats.new_journal(AUTHORITY.peer_id), "ForeignPeer"),
        (formats.new_journal(MEMBER.peer_id, "other"), "ForeignNetwork"),
    ]:
        with pytest.raises(rollbook.ForeignJournalError) as error:
            tracker.recover(journal)
        assert error.value.reason == reason


def test_calls_that_do_not_fit_are_refused() -> None:
    tracker = Tracker(AUTHORITY)
    for early in (
        lambda: tracker.announce(),
        lambda: tracker.drain(),
        lambda: tracker.nodes(),
        lambda: tracker.handle_gossip(MEMBER.peer_id, b""),
        lambda: tracker.snapshot(),
    ):
        with pytest.raises(rollbook.StateError):
            early()
    tracker.start()
    for late in (
        lambda: tracker.start(),
        lambda: tracker.recover(b""),
        lambda: tracker.note_damage(),
    ):
        with pytest.raises(rollbook.StateError):
            late()
    assert tracker.started


def test_a_closed_tracker_refuses_everything() -> None:
    with Tracker(AUTHORITY) as tracker:
        tracker.start()
    assert tracker.closed
    tracker.close()
    with pytest.raises(rollbook.ClosedError):
        tracker.nodes()


@pytest.mark.parametrize(
    ("settings", "error"),
    [
        ({"network": "Not A Name"}, rollbook.ConfigError),
        ({"sync_interval": 0.001}, rollbook.ConfigError),
        ({"message_size_max": 10}, rollbook.ConfigError),
        ({"admission": "whoever"}, rollbook.ConfigError),
        ({"partial": True}, rollbook.ConfigError),
        ({"authorities": ["nobody"]}, rollbook.PeerIdError),
        ({"authorities": [MEMBER.peer_id, MEMBER.peer_id]}, rollbook.ConfigError),
        ({"seed": b"short"}, rollbook.ArgumentError),
        ({"grant_names": ["a"] * 14}, rollbook.ConfigError),
        ({"capacity": -1}, OverflowError),
        ({"authorities": AUTHORITY.peer_id}, TypeError),
    ],
)
def test_settings_are_checked(settings: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        Tracker(AUTHORITY, **settings)


@pytest.mark.parametrize(
    "said",
    [
        {"addresses": ["not an address"]},
        {"addresses": ["/ip4/192.0.2.1/tcp/1"] * 9},
        {"agent": "x" * 49},
        {"capabilities": ["x" * 33]},
        {"capabilities": [""]},
        {"extra": bytes(65)},
    ],
)
def test_announcements_are_bounded(said: dict[str, Any]) -> None:
    tracker = Tracker(AUTHORITY)
    tracker.start()
    with pytest.raises((rollbook.ArgumentError, rollbook.FullError)):
        tracker.announce(**said)


def test_no_clock_shows_some_times() -> None:
    tracker = Tracker(AUTHORITY)
    for time in (Now(2**63, 0), Now(0, 2**60)):
        with pytest.raises(rollbook.ArgumentError):
            tracker.start(now=time)
    with pytest.raises(OverflowError):
        tracker.start(now=Now(-1, 0))


def test_the_clock_can_be_ones_own() -> None:
    now = START
    tracker = Tracker(AUTHORITY, clock=lambda: now)
    tracker.start()
    timeout = tracker.next_timeout()
    assert timeout is not None and 0 <= timeout - START.mono_ms < 120_000


def test_bytes_may_be_of_any_kind() -> None:
    journal = formats.new_journal(AUTHORITY.peer_id)
    kinds: list[Any] = [bytes, bytearray, memoryview]
    for kind in kinds:
        assert Tracker(AUTHORITY).recover(kind(journal)).frames == 1
    for wrong in ("text", 7, None, [1]):
        anything: Any = wrong
        with pytest.raises((TypeError, BufferError)):
            Tracker(AUTHORITY).recover(anything)


def test_a_key_keeps_its_secret() -> None:
    for shown in (repr(AUTHORITY), str(AUTHORITY)):
        assert AUTHORITY.peer_id in shown and "0101" not in shown
    with pytest.raises(TypeError):
        pickle.dumps(AUTHORITY)
    assert AUTHORITY == Keypair.ed25519(b"\1" * 32) != MEMBER
    assert hash(AUTHORITY) == hash(Keypair.ed25519(b"\1" * 32))
    assert AUTHORITY != 7


@pytest.mark.parametrize("key_type", ["ed25519", "secp256k1"])
def test_generated_keys_sign(key_type: Any) -> None:
    made = Keypair.generate(key_type)
    assert made != Keypair.generate(key_type)
    rollbook.keys.verify(made.peer_id, b"message", made.sign(b"message"))
    with pytest.raises(rollbook.SignatureError):
        rollbook.keys.verify(made.peer_id, b"massage", made.sign(b"message"))
    assert Keypair.from_protobuf(made.to_protobuf()) == made


def test_secrets_that_are_none_are_refused() -> None:
    made: list[Callable[[], Keypair]] = [
        lambda: Keypair.ed25519(b"short"),
        lambda: Keypair.secp256k1(bytes(32)),
        lambda: Keypair.secp256k1(b"\xff" * 32),
        lambda: Keypair.from_protobuf(b"\x08\x01\x12\x40" + bytes(64)),
        lambda: Keypair.from_protobuf(AUTHORITY.to_protobuf()[:-1]),
    ]
    for make in made:
        with pytest.raises(rollbook.InvalidKeyError):
            make()
    old = AUTHORITY.to_protobuf()
    twice = b"\x08\x01\x12\x60" + old[4:] + old[-32:]
    assert Keypair.from_protobuf(twice) == AUTHORITY


def test_threads_may_share_a_tracker() -> None:
    network, authority, _ = two()
    failures: list[BaseException] = []
    gate = threading.Barrier(8)

    def hammer(number: int) -> None:
        try:
            gate.wait()
            for step in range(200):
                match (number + step) % 4:
                    case 0:
                        assert len(authority.tracker.nodes(now=network.now)) == 2
                    case 1:
                        authority.tracker.handle_gossip(MEMBER.peer_id, b"\1", now=network.now)
                    case 2:
                        authority.tracker.drain(now=network.now)
                    case _:
                        authority.tracker.handle_timeout(now=network.now)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=hammer, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert authority.tracker.get(MEMBER.peer_id, now=network.now) is not None


def test_authorities_can_be_replaced() -> None:
    network, authority, _ = two()
    acting, retired = authority.tracker.authorities()
    assert (acting, retired) == ([AUTHORITY.peer_id], [])
    other = Keypair.generate().peer_id
    authority.tracker.set_authorities([AUTHORITY.peer_id, other], now=network.now)
    assert authority.tracker.authorities()[0] == [AUTHORITY.peer_id, other]
    network.settle()
    assert rollbook.Event(EventKind.AUTHORITIES_CHANGED) in authority.events
    with pytest.raises(rollbook.NoLongerAuthorityError):
        authority.tracker.set_authorities([other], now=network.now)


def test_history_is_imported_once() -> None:
    host = Host(AUTHORITY).start(START)
    history: Any = {"first_joined": 1_700_000_000, "uptime_seconds": 60, "grants": ["staked"]}
    imported = host.tracker.import_history(MEMBER.peer_id, now=START, **history)
    assert imported == "taken"
    assert host.tracker.import_history(MEMBER.peer_id, now=START, **history) == "unchanged"
    seen = host.tracker.get(MEMBER.peer_id, now=START)
    assert seen is not None and seen.first_joined == 1_700_000_000 and seen.is_staked


def test_a_partial_replica_holds_what_it_is_told_to() -> None:
    network, authority, _ = two()
    keys = Keypair.generate()
    small = Host(keys, partial=True)
    small.tracker.hold(MEMBER.peer_id)
    small.start(network.now)
    network = Network(authority, small)
    network.now = Now(START.mono_ms + 100_000, START.unix_s + 100)
    network.run(40)
    assert small.tracker.get(MEMBER.peer_id, now=network.now) is not None
    assert small.tracker.status(now=network.now).partial
    small.tracker.release(MEMBER.peer_id)
