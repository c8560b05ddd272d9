"""Nodes inside this process, on loopback."""

import gc
import os
import threading
import time
import warnings
from pathlib import Path
from typing import Any

import pytest
import rollbook
from conftest import LOOPBACK, PATIENCE_S, eventually, start
from rollbook import EventKind, ImportRecord, Keypair, Node, Presence, Standing


def join(tmp_path: Path, authority: Node, name: str = "member", **settings: Any) -> Node:
    node = start(tmp_path / name, authorities=authority.addresses, **settings)
    node.wait_until(lambda node: len(node.nodes(online=True)) >= 2, PATIENCE_S)
    return node


def test_a_node_is_its_own_authority(authority: Node) -> None:
    (seen,) = authority.nodes()
    assert seen == authority.get(authority.peer_id)
    assert (seen.presence, seen.standing) == (Presence.ONLINE, Standing.ADMITTED)
    status = authority.status()
    assert (status.role, status.home) == (rollbook.Role.AUTHORITY, authority.peer_id)
    assert status.process_id == os.getpid()
    assert status.version == rollbook.__version__
    assert authority.addresses == list(status.listen)
    assert authority.addresses[0].endswith(f"/p2p/{authority.peer_id}")
    assert authority.peer_id in repr(authority)
    assert (authority.data_dir / "identity.key").exists()


def test_two_nodes_hold_the_same_roll(tmp_path: Path, authority: Node) -> None:
    with join(tmp_path, authority, capabilities=["worker"]) as member:
        seen = member.get(authority.peer_id)
        assert seen is not None and seen.presence is Presence.ONLINE
        eventually("equal roots", lambda: authority.status().root == member.status().root)
        assert [node.peer_id for node in authority.select("worker")] == [member.peer_id]
        assert [node.peer_id for node in authority.nodes(capability="worker")] == [member.peer_id]
        assert authority.nodes(home=authority.peer_id, presence=Presence.LEFT) == []
        left = authority.watch()
    kinds = []
    for event in left:
        kinds.append(event.kind)
        if event == rollbook.Event(EventKind.LEFT, member.peer_id, event.id, event.at):
            break
    assert EventKind.LEFT in kinds
    seen = authority.get(member.peer_id)
    assert seen is not None and seen.presence is Presence.LEFT


def test_commands_are_on_disk_and_reach_the_others(tmp_path: Path, authority: Node) -> None:
    with join(tmp_path, authority) as member:
        authority.grant(member.peer_id, "staked")
        member.wait_until(lambda node: node.nodes(grant="staked"), PATIENCE_S)
        authority.revoke(member.peer_id, "staked")
        member.wait_until(lambda node: not node.nodes(grant="staked"), PATIENCE_S)
        authority.ban(member.peer_id)
        assert authority.nodes(standing="banned")[0].peer_id == member.peer_id
        assert len(authority.nodes()) == 1 and len(authority.nodes(all=True)) == 2
        authority.admit(member.peer_id)
        authority.remove(member.peer_id, timeout=PATIENCE_S)
        with pytest.raises(rollbook.NotAuthorityError):
            member.admit(authority.peer_id)
        with pytest.raises(rollbook.IsAuthorityError):
            authority.ban(authority.peer_id)
        with pytest.raises(rollbook.UnknownNodeError):
            authority.observe(Keypair.generate().peer_id, "successes")
        with pytest.raises(rollbook.ArgumentError):
            authority.grant(member.peer_id, "crown")


def test_what_a_node_says_of_itself_can_be_changed(tmp_path: Path, authority: Node) -> None:
    with join(tmp_path, authority) as member:
        member.announce(capabilities=["indexer"], agent="mine/2")
        authority.wait_until(lambda node: node.nodes(capability="indexer"), PATIENCE_S)
        seen = authority.get(member.peer_id)
        assert seen is not None and seen.agent == "mine/2"
        with pytest.raises(rollbook.FullError):
            member.announce(agent="x" * 49)
        member.observe(authority.peer_id, "successes", 2)


def test_facts_are_explained(authority: Node) -> None:
    explained = authority.explain(authority.peer_id)
    assert explained is not None and explained.equivocations == ()
    assert {fact.statement for fact in explained.facts} >= {"announcement", "presence"}
    assert authority.explain(Keypair.generate().peer_id) is None


def test_history_is_imported(authority: Node) -> None:
    others = [Keypair.generate("secp256k1").peer_id for _ in range(5)]
    records = [ImportRecord(other, first_joined=1_700_000_000, is_staked=True) for other in others]
    report = authority.import_records([*records, ImportRecord("nobody")], trust_grants=True)
    assert (report.imported, report.grants_taken, len(report.invalid)) == (5, 5, 1)
    assert authority.import_records(records).unchanged == 5
    pages = []
    after = None
    while True:
        page = authority.page(sort="firstJoined", after=after, limit=2)
        pages.append(page)
        if (after := page.next) is None:
            break
    assert len(pages) == 3
    assert {node.peer_id for page in pages for node in page.nodes} == {*others, authority.peer_id}
    down = authority.page(sort="-firstJoined", limit=1).nodes[0]
    assert down.peer_id == authority.peer_id


def test_events_are_numbered_and_kept(tmp_path: Path, authority: Node) -> None:
    join(tmp_path, authority).close()
    eventually("it left", lambda: authority.nodes(presence="left"))
    page = authority.events()
    numbers = [event.id for event in page.events]
    assert numbers == list(range(1, len(numbers) + 1)) and page.lost == 0
    assert authority.events(after=len(numbers)).events == ()
    first = authority.watch(after=0)
    assert next(first) == page.events[0]
    assert first.take() == list(page.events[1:])
    assert first.take(timeout=0.0) == [] and not first.ended


def test_a_watch_ends_with_its_node(tmp_path: Path) -> None:
    node = start(tmp_path / "node")
    watch = node.watch()
    ended = threading.Event()

    def follow() -> None:
        for _ in watch:
            pass
        ended.set()

    thread = threading.Thread(target=follow)
    thread.start()
    node.close()
    assert ended.wait(PATIENCE_S)
    thread.join()
    assert watch.ended and watch.take() == [] and list(watch) == []
    with pytest.raises(rollbook.ClosedError):
        node.watch()


def test_a_watch_can_be_closed_by_another_thread(authority: Node) -> None:
    with authority.watch() as watch:
        thread = threading.Thread(target=lambda: list(watch))
        thread.start()
        watch.close()
        thread.join(PATIENCE_S)
        assert not thread.is_alive()


def test_threads_may_share_a_watch(authority: Node) -> None:
    others = [Keypair.generate().peer_id for _ in range(50)]
    watch = authority.watch()
    seen: list[rollbook.Event] = []
    threads = [threading.Thread(target=lambda: seen.extend(watch)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for other in others:
        authority.admit(other)
    authority.close()
    for thread in threads:
        thread.join(PATIENCE_S)
    numbers = [event.id for event in seen]
    assert len(numbers) == len(set(numbers)), "each event goes to one of them"
    assert {event.peer_id for event in seen} >= set(others)


def test_closing_is_idempotent_and_final(tmp_path: Path) -> None:
    node = start(tmp_path / "node")
    peer_id = node.peer_id
    node.close()
    node.close()
    node.abort()
    assert node.closed and node.peer_id == peer_id
    for read in (node.nodes, node.status, lambda: node.get(peer_id), lambda: node.addresses):
        with pytest.raises(rollbook.ClosedError):
            read()
    with pytest.raises(rollbook.ClosedError):
        node.admit(peer_id)


def test_an_error_in_the_block_is_the_one_that_is_told(tmp_path: Path) -> None:
    with pytest.raises(KeyError), start(tmp_path / "node") as node:
        node.abort()
        raise KeyError
    assert node.closed


def test_the_roll_is_there_again_after_a_restart(tmp_path: Path) -> None:
    other = Keypair.generate().peer_id
    for stop in (Node.close, Node.abort):
        node = start(tmp_path / "node")
        node.admit(other)
        node.grant(other, "staked")
        peer_id = node.peer_id
        stop(node)

        def again() -> Node | None:
            # A node that was aborted lets go of its directory a moment later.
            try:
                return start(tmp_path / "node")
            except rollbook.InUseError:
                return None

        with eventually("it starts again", again) as node:
            assert node.peer_id == peer_id
            seen = node.get(other)
            assert seen is not None and seen.is_staked


@pytest.mark.parametrize(
    ("settings", "error"),
    [
        ({"network": "Not A Name"}, rollbook.ConfigError),
        ({"listen": ["/ip4/127.0.0.1"]}, rollbook.InputOutputError),
        ({"listen": ["nowhere"]}, rollbook.ArgumentError),
        ({"authorities": ["/ip4/127.0.0.1/tcp/1"]}, rollbook.ConfigError),
        ({"sync_interval": 0.0}, rollbook.ConfigError),
        ({"sync_interval": -1.0}, rollbook.ConfigError),
        ({"sync_interval": float("nan")}, rollbook.ConfigError),
        ({"capabilities": ["x" * 33]}, rollbook.ConfigError),
        ({"capabilities": "worker"}, TypeError),
        ({"key_type": "rsa"}, rollbook.ConfigError),
        ({"admission": "whoever"}, rollbook.ConfigError),
        ({"reach": "far"}, rollbook.ConfigError),
        ({"grant_names": ["staked"]}, rollbook.ConfigError),
        ({"max_connections": -1}, OverflowError),
        ({"start_timeout": 0.0}, rollbook.NodeTimeout),
        ({"no_such_setting": 1}, TypeError),
    ],
)
def test_settings_are_checked(
    tmp_path: Path, settings: dict[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error):
        start(tmp_path / "node", **settings)


def test_a_directory_has_one_node(tmp_path: Path) -> None:
    with start(tmp_path / "node"), pytest.raises(rollbook.InUseError) as error:
        start(tmp_path / "node")
    assert error.value.reason == "DirInUse"
    (tmp_path / "file").write_text("")
    with pytest.raises(rollbook.InputOutputError):
        start(tmp_path / "file")
    assert isinstance(error.value, rollbook.RollbookError)


def test_a_taken_port_is_refused(tmp_path: Path, authority: Node) -> None:
    port = authority.addresses[0].split("/p2p/")[0]
    with pytest.raises(rollbook.InputOutputError) as error:
        start(tmp_path / "other", listen=[port])
    assert "cannot listen" in str(error.value)


def test_a_condition_that_stays_false_is_given_up(authority: Node) -> None:
    with pytest.raises(rollbook.NodeTimeout):
        authority.wait_until(lambda node: False, timeout=0.05)
    with pytest.raises(TimeoutError):
        authority.wait_until(lambda node: False, timeout=0.0)


def test_secp256k1_nodes_have_an_ethereum_address(tmp_path: Path) -> None:
    with start(tmp_path / "node", key_type="secp256k1") as node:
        seen = node.get(node.peer_id)
        assert seen is not None
        assert seen.eth_address == rollbook.keys.eth_address(node.peer_id) != None  # noqa: E711
        key = rollbook.Keypair.from_protobuf((node.data_dir / "identity.key").read_bytes())
        assert key.peer_id == node.peer_id


def test_threads_hammer_one_node(tmp_path: Path, authority: Node) -> None:
    other = Keypair.generate().peer_id
    authority.admit(other)
    failures: list[BaseException] = []
    gate = threading.Barrier(8)

    def hammer(number: int) -> None:
        try:
            gate.wait()
            for step in range(60):
                match (number + step) % 5:
                    case 0:
                        assert authority.get(authority.peer_id) is not None
                    case 1:
                        assert len(authority.nodes(all=True)) == 2
                    case 2:
                        authority.grant(other, "staked")
                    case 3:
                        authority.revoke(other, "staked")
                    case _:
                        assert authority.status().nodes.total == 2
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=hammer, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_closing_while_threads_use_it_ends_them_in_order(tmp_path: Path) -> None:
    node = start(tmp_path / "node")
    other = Keypair.generate().peer_id
    seen: list[type[BaseException]] = []
    gate = threading.Barrier(5)

    def use() -> None:
        gate.wait()
        try:
            while True:
                node.nodes()
                node.admit(other)
        except BaseException as error:
            seen.append(type(error))

    threads = [threading.Thread(target=use) for _ in range(4)]
    for thread in threads:
        thread.start()
    gate.wait()
    node.close()
    for thread in threads:
        thread.join(PATIENCE_S)
    assert seen == [rollbook.ClosedError] * 4


def test_a_forgotten_node_warns_and_leaves(tmp_path: Path, authority: Node) -> None:
    member = join(tmp_path, authority)
    peer_id = member.peer_id
    with pytest.warns(ResourceWarning, match="was not closed"):
        del member
        gc.collect()
    authority.wait_until(lambda node: node.nodes(presence="left"), PATIENCE_S)
    assert authority.nodes(presence="left")[0].peer_id == peer_id


def test_a_forked_process_has_no_part_in_the_node(authority: Node) -> None:
    with warnings.catch_warnings():
        # What is tested is just what Python warns of here.
        warnings.simplefilter("ignore")
        child = os.fork()
    if child == 0:
        told = 1
        try:
            authority.nodes()
        except rollbook.StateError:
            authority.close()
            told = 0
        finally:
            os._exit(told)
    end = time.monotonic() + PATIENCE_S
    while (ended := os.waitpid(child, os.WNOHANG)) == (0, 0):
        assert time.monotonic() < end
    assert os.waitstatus_to_exitcode(ended[1]) == 0
    assert authority.status().role is rollbook.Role.AUTHORITY


def test_a_panic_is_an_exception_like_any_other() -> None:
    panic = getattr(rollbook._native, "panic_for_a_test", None)
    assert panic is not None, "the tests run on a build for development"
    with pytest.raises(rollbook.InternalError, match="as it was told to") as error:
        panic()
    assert error.value.code is rollbook.Code.PANIC and isinstance(error.value, Exception)


def test_everything_listens_where_it_is_told(tmp_path: Path) -> None:
    quic = "/ip4/127.0.0.1/udp/0/quic-v1"
    with start(tmp_path / "node", listen=[*LOOPBACK, quic]) as node:
        assert any("/quic-v1/" in address for address in node.addresses)
        assert len(node.addresses) == 2
