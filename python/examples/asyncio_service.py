"""A service on asyncio that lives with its node: it starts it, follows the roll, answers by HTTP with what it knows,
and stops it again.

    python asyncio_service.py /ip4/127.0.0.1/tcp/7655/p2p/ID
"""

import asyncio
import contextlib
import json
import sys
from collections.abc import AsyncIterator

from rollbook import aio


@contextlib.asynccontextmanager
async def lifespan(authorities: list[str]) -> AsyncIterator[aio.Node]:
    """What has to be there while the service runs; web frameworks take such a function."""
    async with aio.Node(
        "service-data",
        authorities=authorities,
        listen=["/ip4/127.0.0.1/tcp/0"],
        capabilities=["service"],
    ) as node:
        following = asyncio.create_task(follow(node))
        try:
            yield node
        finally:
            following.cancel()
            await asyncio.wait([following])


async def follow(node: aio.Node) -> None:
    """Does something whenever something happens."""
    async for event in node.watch():
        print(f"{event.kind}: {event.peer_id}", flush=True)


async def main() -> None:
    """Serves until Ctrl-C."""
    async with lifespan(sys.argv[1:]) as node:

        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            body = json.dumps([seen.to_dict() for seen in node.nodes()]).encode()
            head = f"HTTP/1.1 200 OK\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n"
            writer.write(head.encode() + body)
            await writer.drain()
            writer.close()

        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        host, port = server.sockets[0].getsockname()
        print(f"serving on http://{host}:{port}/", flush=True)
        async with server:
            await server.serve_forever()


with contextlib.suppress(KeyboardInterrupt):
    asyncio.run(main())
