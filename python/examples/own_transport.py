"""The roll over a transport of one's own: two trackers that speak by UDP on loopback, driven by asyncio.

The tracker says what is to be written, sent and told; this program does it. Three kinds of packets are enough: gossip,
a request, and the answer to one. A real transport would also prove who sent a packet; here the sender says so itself,
which is enough for two who trust each other, and for nobody else.

    python own_transport.py
"""

import asyncio
import os
from pathlib import Path

from rollbook import Keypair, Tracker, formats

GOSSIP, REQUEST, ANSWER = b"g", b"r", b"a"
Address = tuple[str, int]


class Peer(asyncio.DatagramProtocol):
    """A tracker with a file for its journal and a socket for its messages."""

    def __init__(self, keys: Keypair, authorities: list[str], journal: Path) -> None:
        self.tracker = Tracker(keys, authorities=authorities, sync_interval=0.5)
        self.known: dict[str, Address] = {}
        self.timer: asyncio.TimerHandle | None = None
        if not journal.exists():
            # The first frame goes with the identity, so that a journal that is lost later is noticed.
            journal.write_bytes(formats.new_journal(keys.peer_id))
        self.tracker.recover(journal.read_bytes())
        self.journal = journal.open("ab", buffering=0)

    async def open(self) -> Address:
        """Listens, begins, and says who it is."""
        loop = asyncio.get_running_loop()
        self.transport, _ = await loop.create_datagram_endpoint(
            lambda: self, local_addr=("127.0.0.1", 0)
        )
        host, port = self.transport.get_extra_info("sockname")
        self.tracker.start()
        self.tracker.announce(addresses=[f"/ip4/{host}/udp/{port}"], capabilities=["udp"])
        self.work()
        return host, port

    def meet(self, peer_id: str, address: Address) -> None:
        """There is a way to a peer now."""
        self.known[peer_id] = address
        self.tracker.handle_connected(peer_id)
        self.work()

    def datagram_received(self, data: bytes, addr: Address) -> None:
        """A packet: its kind, the size of its sender's peer id, that peer id, the message."""
        kind, size, rest = data[:1], data[1], data[2:]
        sender, message = rest[:size].decode(), rest[size:]
        match kind:
            case b"g":
                self.tracker.handle_gossip(sender, message)
            case b"r":
                self.send(ANSWER, sender, self.tracker.handle_request(sender, message))
            case _:
                self.tracker.handle_response(sender, message)
        self.work()

    def send(self, kind: bytes, peer_id: str, message: bytes) -> None:
        """Sends a packet."""
        own = self.tracker.peer_id.encode()
        self.transport.sendto(kind + bytes([len(own)]) + own + message, self.known[peer_id])

    def work(self) -> None:
        """Does what the tracker wants done, and comes back when it says so."""
        while outputs := self.tracker.drain():
            for frame in outputs.frames:
                self.journal.write(frame.data)
            if (position := outputs.sync_position) is not None:
                os.fsync(self.journal)
                self.tracker.handle_journal_synced(position)
            for message in outputs.publications:
                for peer_id in self.known:
                    self.send(GOSSIP, peer_id, message)
            for request in outputs.requests:
                self.send(REQUEST, request.to, request.data)
            for event in outputs.events:
                print(f"{self.journal.name:<10} {event.kind:<18} {event.peer_id or ''}")
        if self.timer is not None:
            self.timer.cancel()
        loop = asyncio.get_running_loop()
        due = self.tracker.next_timeout()
        # The default clock of the tracker and that of the loop are the same one.
        delay = 1.0 if due is None else max(0.0, due / 1000 - loop.time())
        self.timer = loop.call_later(delay, self.on_timeout)

    def on_timeout(self) -> None:
        """Time passed."""
        self.tracker.handle_timeout()
        self.work()

    def close(self) -> None:
        """Stops."""
        if self.timer is not None:
            self.timer.cancel()
        self.transport.close()
        self.journal.close()
        self.tracker.close()


async def main() -> None:
    """An authority and a member that come to hold the same."""
    keys = [Keypair.generate(), Keypair.generate("secp256k1")]
    authorities = [keys[0].peer_id]
    peers = [
        Peer(key, authorities, Path(name))
        for key, name in zip(keys, ("authority", "member"), strict=True)
    ]
    addresses = [await peer.open() for peer in peers]
    peers[0].meet(keys[1].peer_id, addresses[1])
    peers[1].meet(keys[0].peer_id, addresses[0])
    while not all(peer.tracker.status().online == 2 for peer in peers):
        await asyncio.sleep(0.05)
    while len({peer.tracker.root() for peer in peers}) > 1:
        await asyncio.sleep(0.05)
    print(f"both hold {len(peers[0].tracker.nodes())} nodes, and the same root")
    for peer in peers:
        peer.close()


asyncio.run(main())
