"""Nodes in this process and standalone ones are one network."""

import os
import signal
from contextlib import ExitStack
from pathlib import Path

import pytest
import rollbook
from conftest import PATIENCE_S, Standalone, eventually, line, running, start
from rollbook import Client, EventKind, Keypair, Presence

# A node in Go, the example of its module; cargo xtask test python builds it.
GO_NODE = os.environ.get("ROLLBOOK_GO_NODE")


def test_nodes_of_both_kinds_converge(tmp_path: Path, standalone: Standalone) -> None:
    with ExitStack() as nodes:
        client = nodes.enter_context(Client(standalone.data_dir))
        address = client.status().listen[0]
        inside = [
            nodes.enter_context(
                start(tmp_path / f"python{number}", authorities=[address], key_type=key_type)
            )
            for number, key_type in enumerate(("ed25519", "secp256k1"))
        ]
        beside = Standalone(tmp_path / "rust", "--authority", address, "--capability", "worker")
        nodes.callback(beside.kill)
        other = nodes.enter_context(Client(beside.data_dir))

        everyone: list[rollbook.Node | Client] = [client, other, *inside]

        def roots() -> set[str]:
            return {who.status().root for who in everyone}

        everybody = lambda: len(client.nodes(online=True)) == 4 and len(roots()) == 1  # noqa: E731
        eventually("all hold the same", everybody)
        names = {node.peer_id for node in inside[0].nodes(online=True)}
        assert names == {who.status().peer_id for who in everyone}

        # What one of them decides or says, all of them hold.
        client.grant(inside[0].peer_id, "validator")
        inside[1].announce(capabilities=["indexer"])
        for node in inside:
            node.wait_until(lambda node: node.nodes(grant="validator"), PATIENCE_S)
            node.wait_until(lambda node: node.nodes(capability="indexer"), PATIENCE_S)
        eventually("the standalone one as well", lambda: other.nodes(capability="indexer"))
        eventually("all hold the same", lambda: len(roots()) == 1)

        # One that is killed is seen as left by all, and one that leaves at once.
        gone = other.status().peer_id
        beside.kill()
        for node in inside:
            node.wait_until(lambda node: is_left(node, gone), PATIENCE_S)
        inside[0].close()
        assert is_left(client, inside[0].peer_id)


@pytest.mark.skipif(GO_NODE is None, reason="ROLLBOOK_GO_NODE names no node in Go")
def test_nodes_in_python_rust_and_go_are_one_network(tmp_path: Path) -> None:
    # The node in Go has the usual interval, by which its home must measure its lease.
    with start(tmp_path / "python", sync_interval=10) as authority:
        beside = Standalone(tmp_path / "rust", "--authority", authority.addresses[0])
        in_go = [
            str(GO_NODE), "-listen", "/ip4/127.0.0.1/tcp/0", "-folder", str(tmp_path),
            "-authority", authority.addresses[0],
        ]
        try:
            with Client(beside.data_dir) as other, running(in_go) as process:
                go_id = line(process).removeprefix("I am ")
                everyone = {authority.peer_id, other.status().peer_id, go_id}
                for who in (authority, other):
                    eventually(
                        "all three are online",
                        lambda: {node.peer_id for node in who.nodes(online=True)} == everyone,
                    )
                told = (text for text in iter(lambda: line(process), "") if other_joined(text, other))
                assert next(told), "the node in Go is told of the one in Rust"

                # What is decided in Python of the node in Go is verified and held in Rust.
                authority.grant(go_id, "validator")
                eventually("the grant is there", lambda: other.nodes(grant="validator"))
                seen = other.get(go_id)
                assert seen is not None and seen.capabilities == ("worker",)
                assert authority.status().root == other.status().root

                # It leaves in order, so that is seen at once.
                process.send_signal(signal.SIGTERM)
                eventually("it left", lambda: is_left(authority, go_id) and is_left(other, go_id))
        finally:
            beside.kill()


def other_joined(text: str, other: Client) -> bool:
    return "join" in text.lower() and other.status().peer_id in text


def is_left(who: "rollbook.Node | Client", peer_id: str) -> bool:
    seen = who.get(peer_id)
    return seen is not None and seen.presence is Presence.LEFT


def test_a_node_in_python_is_an_authority_to_standalone_ones(tmp_path: Path) -> None:
    with start(tmp_path / "authority") as authority, authority.watch() as events:
        member = Standalone(tmp_path / "member", "--authority", authority.addresses[0])
        try:
            with Client(member.data_dir) as client:
                joined = (event.peer_id for event in events if event.kind is EventKind.JOINED)
                assert any(peer_id == client.status().peer_id for peer_id in joined)
                other = Keypair.generate().peer_id
                authority.admit(other)
                eventually("it is told", lambda: client.get(other))
        finally:
            member.kill()


def test_the_home_of_a_directory_is_the_same_for_both(tmp_path: Path) -> None:
    """A data directory may be run by either, one after the other."""
    other = Keypair.generate().peer_id
    with start(tmp_path / "node") as node:
        own = node.peer_id
        node.admit(other)
    standalone = Standalone(tmp_path / "node")
    try:
        with Client(standalone.data_dir) as client:
            assert client.status().peer_id == own and client.get(other) is not None
            client.grant(other, "staked")
    finally:
        standalone.stop()
    with start(tmp_path / "node") as node:
        seen = node.get(other)
        assert seen is not None and seen.is_staked
