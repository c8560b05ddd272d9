"""What calls into the package take, as a table for docs/python.md.

    python figures.py

Each figure is the least of several runs, beside the two floors that nothing written in Python gets below: a look-up in
a dict of as many nodes, and the smallest call into the native module, which reads a flag.
"""

import dataclasses
import json
import platform
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from rollbook import ImportRecord, Keypair, Node, NodeView, Now, Outputs, Tracker, formats

NODES = 10_000
SENDERS = 2_000
RUNS = 7
NOW = Now(1_000_000, 1_790_000_000)


@dataclasses.dataclass(frozen=True)
class Figure:
    """What one call takes."""

    name: str
    nanoseconds: float


def measure(name: str, call: Callable[[], object], count: int) -> Figure:
    """The least time of a call."""
    best = float("inf")
    for _ in range(RUNS):
        begun = time.perf_counter_ns()
        for _ in range(count):
            call()
        best = min(best, (time.perf_counter_ns() - begun) / count)
    return Figure(name, best)


def reads(folder: Path) -> list[Figure]:
    """Reads of a node that holds a large roll."""
    peers = [Keypair.generate().peer_id for _ in range(NODES - 1)]
    with Node(folder, listen=["/ip4/127.0.0.1/tcp/0"]) as node:
        records = [ImportRecord(peer, first_joined=1_700_000_000) for peer in peers]
        assert node.import_records(records).imported == len(peers)
        views = {view.peer_id: view for view in node.nodes()}
        assert len(views) == NODES
        some = peers[len(peers) // 2]
        inner = node._inner
        view = views[some]
        text = json.dumps(view.to_dict())
        return [
            measure("a look-up in a dict of 10,000", lambda: views[some], 500_000),
            measure("the smallest native call: one flag", lambda: inner.closed, 500_000),
            measure("`node.get(peer_id)`", lambda: node.get(some), 50_000),
            measure("`node.nodes()` of 10,000", node.nodes, 3),
            measure("`node.page(limit=100)` of 10,000", lambda: node.page(limit=100), 20),
            measure("`node.status()` of 10,000", node.status, 10),
            measure("a `NodeView` from JSON", lambda: NodeView.from_dict(json.loads(text)), 5_000),
        ]


def settled(tracker: Tracker) -> Outputs:
    """Everything that a tracker wants done, its journal aside."""
    every = Outputs([], [], [], [])
    while outputs := tracker.drain(now=NOW):
        if (position := outputs.sync_position) is not None:
            tracker.handle_journal_synced(position)
        every.publications.extend(outputs.publications)
        every.requests.extend(outputs.requests)
    return every


def first_requests(authority: str) -> list[tuple[str, bytes]]:
    """What each of many nodes asks of an authority when it comes, and who it is."""
    requests = []
    for number in range(SENDERS):
        keys = Keypair.ed25519(number.to_bytes(32, "big"))
        tracker = Tracker(keys, authorities=[authority])
        tracker.start(now=NOW)
        tracker.announce(addresses=["/ip4/192.0.2.1/tcp/7655"], capabilities=["worker"], now=NOW)
        tracker.handle_connected(authority, now=NOW)
        (request,) = settled(tracker).requests
        requests.append((keys.peer_id, request.data))
    return requests


def authority_of(keys: Keypair, members: list[str]) -> Tracker:
    """An authority that has vouched for members."""
    tracker = Tracker(keys)
    tracker.recover(formats.new_journal(keys.peer_id))
    tracker.start(now=NOW)
    tracker.announce(now=NOW)
    for member in members:
        tracker.import_history(member, first_joined=1_700_000_000, now=NOW)
        tracker.handle_connected(member, now=NOW)
    return tracker


def messages() -> list[Figure]:
    """Messages through a tracker: with signatures to check and to make, and with nothing new."""
    keys = Keypair.ed25519(b"\xff" * 32)
    sent = first_requests(keys.peer_id)
    asked = gossiped = float("inf")
    for _ in range(3):
        authority = authority_of(keys, [peer_id for peer_id, _ in sent])
        begun = time.perf_counter_ns()
        for peer_id, request in sent:
            authority.handle_request(peer_id, request, now=NOW)
        asked = min(asked, (time.perf_counter_ns() - begun) / len(sent))
        assert authority.counters()["statements_taken"] == len(sent), "what each of them says"

        published = settled(authority).publications
        follower = Tracker(Keypair.generate(), authorities=[keys.peer_id])
        follower.start(now=NOW)
        begun = time.perf_counter_ns()
        for message in published:
            follower.handle_gossip(keys.peer_id, message, now=NOW)
        took = time.perf_counter_ns() - begun
        taken = follower.counters()["statements_taken"]
        assert taken > len(sent), "presences with announcements"
        gossiped = min(gossiped, took / taken)
    peer_id, request = sent[0]
    return [
        Figure("`tracker.handle_request` of a node that announces itself", asked),
        Figure("`tracker.handle_gossip`, of each new statement in it", gossiped),
        measure(
            "`tracker.handle_gossip`, all of it known",
            lambda: follower.handle_gossip(keys.peer_id, published[0], now=NOW),
            10_000,
        ),
        measure(
            "`tracker.handle_request`, nothing new",
            lambda: authority.handle_request(peer_id, request, now=NOW),
            20_000,
        ),
        measure("`tracker.drain`, nothing to do", lambda: follower.drain(now=NOW), 50_000),
    ]


def row(figure: Figure, lookup: Figure, call: Figure) -> str:
    """A line of the table."""
    took = figure.nanoseconds
    shown = f"{took:,.0f} ns" if took < 10_000 else f"{took / 1000:,.0f} µs"
    parts = (f"{took / lookup.nanoseconds:,.0f}", f"{took / call.nanoseconds:,.0f}")
    return f"| {figure.name} | {shown} | {1e9 / took:,.0f} | {parts[0]} | {parts[1]} |"


def main() -> None:
    """Prints the table."""
    with tempfile.TemporaryDirectory() as folder:
        figures = [*reads(Path(folder) / "node"), *messages()]
    lookup, call = figures[:2]
    print(f"Measured with Python {platform.python_version()}, release build, one thread.\n")
    print("| call | takes | in a second | dict look-ups | smallest calls |")
    print("|---|---|---|---|---|")
    for figure in figures:
        print(row(figure, lookup, call))


if __name__ == "__main__":
    main()
