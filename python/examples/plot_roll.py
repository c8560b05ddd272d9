"""A picture of a roll: how long nodes have been here, and who came and went when. It needs matplotlib.

    python plot_roll.py rollbook-data roll.png
"""

import collections
import datetime
import sys

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as pyplot
from rollbook import Client, Event, EventKind

COLOURS = {EventKind.JOINED: "tab:green", EventKind.LEFT: "tab:red"}


def all_events(client: Client) -> list[Event]:
    """Every event that the node still keeps."""
    events: list[Event] = []
    after: int | None = 0
    while after is not None:
        page = client.events(after=after)
        events += page.events
        after = page.next
    return events


data_dir, picture = sys.argv[1:]
with Client(data_dir) as client:
    nodes = client.nodes(all=True)
    events = all_events(client)

figure, (uptimes, comings) = pyplot.subplots(2, 1, figsize=(9, 8), layout="constrained")

nodes.sort(key=lambda node: node.accumulated_uptime_seconds)
names = [f"{node.peer_id[:8]}…{node.peer_id[-6:]}" for node in nodes]
hours = [node.accumulated_uptime_seconds / 3600 for node in nodes]
colours = ["tab:blue" if node.presence == "online" else "lightgrey" for node in nodes]
uptimes.barh(names, hours, color=colours)
uptimes.set_xlabel("hours here in all sessions (blue: here now)")

for kind, colour in COLOURS.items():
    by_minute = collections.Counter(
        datetime.datetime.fromtimestamp(event.at // 60 * 60)
        for event in events
        if event.kind is kind and event.at is not None
    )
    sign = 1 if kind is EventKind.JOINED else -1
    counts = [sign * count for count in by_minute.values()]
    comings.bar(list(by_minute), counts, width=1 / 1440, color=colour, label=kind.value)
comings.axhline(0, color="black", linewidth=0.5)
comings.set_ylabel("nodes in a minute")
comings.legend()

figure.savefig(picture, dpi=100)
print(f"{len(nodes)} nodes and {len(events)} events are in {picture}")
