"""Asks workers, the most reliable first, and lets the network know how that went.

A node of its own plays the network, with three workers in it of which one never answers. A real program has one node
and asks whoever `select` gives it.

    python workers.py
"""

from contextlib import ExitStack

from rollbook import Node, NodeView

LOOPBACK = ["/ip4/127.0.0.1/tcp/0"]
# How soon counts and absences are seen; a real network takes the default.
SYNC_INTERVAL = 0.2


def worker(client: Node, number: int) -> Node:
    """One of the workers."""
    return Node(
        f"worker{number}-data",
        listen=LOOPBACK,
        sync_interval=SYNC_INTERVAL,
        authorities=client.addresses,
        capabilities=["worker"],
    )


def ask(worker: NodeView, broken: str) -> bool:
    """Stands for the work: a request to one of `worker.multiaddrs`, and its answer."""
    return worker.peer_id != broken


def ask_the_best(node: Node, broken: str) -> str | None:
    """Asks one after the other until one answers."""
    for worker in node.select("worker", limit=3):
        if ask(worker, broken):
            node.observe(worker.peer_id, "successes")
            return worker.peer_id
        node.observe(worker.peer_id, "timeouts")
    return None


with ExitStack() as nodes:
    client = nodes.enter_context(Node("client-data", listen=LOOPBACK, sync_interval=SYNC_INTERVAL))
    workers = [nodes.enter_context(worker(client, number)) for number in range(3)]
    client.wait_until(lambda node: len(node.nodes(online=True, capability="worker")) == 3, 30)

    # Nothing is known of any of them yet; the one that is asked first never answers.
    broken = client.select("worker")[0].peer_id
    answered = [ask_the_best(client, broken) for _ in range(10)]
    count = sum(peer_id is not None for peer_id in answered)
    print(f"{count} of {len(answered)} questions were answered")

    # Counts are published with the next change of a node, or within the hour: here it starts again.
    number = next(number for number in range(3) if workers[number].peer_id == broken)
    while client.select("worker")[-1].peer_id != broken:
        workers[number].close()
        workers[number] = nodes.enter_context(worker(client, number))
        client.wait_until(lambda node: len(node.nodes(online=True, capability="worker")) == 3, 30)
    for seen in client.select("worker"):
        counts = ", ".join(f"{tally.count} {tally.counter}" for tally in seen.tallies)
        print(f"{seen.peer_id}  {counts or 'nothing counted yet'}")
    print("the one that does not answer is asked last now")
