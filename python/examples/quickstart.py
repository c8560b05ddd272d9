"""A node of the network inside this program: joins, shows who is here, and leaves.

    python quickstart.py /ip4/127.0.0.1/tcp/7655/p2p/ID

The address is that of the network's authority, which `rollbook start` prints. Without one, the node is its own.
"""

import sys

from rollbook import Node

with Node(
    "quickstart-data",
    authorities=sys.argv[1:],
    listen=["/ip4/127.0.0.1/tcp/0"],
    capabilities=["example"],
) as node:
    # It joins in the background: it is in once it has a home and that has vouched for it.
    node.wait_until(lambda node: node.nodes(online=True, capability="example"), timeout=30)
    for seen in node.nodes():
        mine = "  <- this node" if seen.peer_id == node.peer_id else ""
        print(f"{seen.peer_id}  {seen.presence:<8} {' '.join(seen.multiaddrs)}{mine}")
