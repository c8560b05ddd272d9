"""`python -m rollbook`: starts a node in this process, or shows what one that runs holds."""

import argparse
import json
import logging
import signal
import sys
import time
from collections.abc import Iterable, Sequence
from typing import NoReturn

from . import Client, Event, Node, NodeView, RollbookError, __version__, set_log_level


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command; gives the exit code."""
    asked = _parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        match asked.command:
            case "start":
                _start(asked)
            case "nodes":
                _nodes(asked)
            case "status":
                with _client(asked) as client:
                    print(json.dumps(client.status().to_dict(), indent=2))
            case _:
                with _client(asked) as client:
                    _follow(client.watch(asked.after), asked.json)
    except RollbookError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 0
    except BrokenPipeError:
        # Whoever read has seen enough.
        sys.stderr.close()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m rollbook",
        description="The roll of a peer-to-peer network.",
    )
    parser.add_argument("--version", action="version", version=f"rollbook {__version__}")
    commands = parser.add_subparsers(dest="command", required=True)

    start = commands.add_parser("start", help="run a node in this process, until Ctrl-C")
    start.add_argument("--data-dir", default="rollbook-data", help="where its files are")
    start.add_argument("--network", default="main", help="the network's name")
    start.add_argument(
        "--authority", action="append", default=[], metavar="ADDRESS", help="ends in /p2p/ID"
    )
    start.add_argument("--listen", action="append", metavar="ADDRESS", help="port 0 takes any")
    start.add_argument("--capability", action="append", default=[], metavar="NAME")
    start.add_argument("--sync-interval", type=float, default=10.0, metavar="SECONDS")
    start.add_argument("--log-level", default=None, metavar="LEVEL", help="INFO, DEBUG and so on")
    start.add_argument("--json", action="store_true", help="events as JSON, one a line")

    for name, told in (
        ("nodes", "the nodes that a running node knows of"),
        ("status", "the state of a running node"),
        ("watch", "what happens, as a running node sees it"),
    ):
        command = commands.add_parser(name, help=told)
        command.add_argument("--data-dir", default=None, help="that of the node: rollbook-data")
        command.add_argument("--url", default=None, help="where it answers, instead")
        command.add_argument("--token", default=None, help="where one is needed")
        if name == "nodes":
            command.add_argument("--online", action="store_true", help="only those that are here")
            command.add_argument("--all", action="store_true", help="removed and banned as well")
            command.add_argument("--capability", default=None, metavar="NAME")
            command.add_argument("--grant", default=None, metavar="NAME")
        if name == "watch":
            command.add_argument("--after", type=int, default=None, metavar="NUMBER")
        if name != "status":
            command.add_argument("--json", action="store_true", help="as JSON")
    return parser


def _interrupt(*_: object) -> NoReturn:
    raise KeyboardInterrupt


def _client(asked: argparse.Namespace) -> Client:
    return Client(asked.data_dir, url=asked.url, token=asked.token)


def _start(asked: argparse.Namespace) -> None:
    if asked.log_level is not None:
        logging.basicConfig(level=asked.log_level)
        set_log_level(asked.log_level)
    node = Node(
        asked.data_dir,
        network=asked.network,
        authorities=asked.authority,
        listen=asked.listen,
        capabilities=asked.capability,
        sync_interval=asked.sync_interval,
    )
    with node, node.watch() as watch:
        if not asked.json:
            print(f"peer id   {node.peer_id}")
            for address in node.addresses:
                print(f"listening {address}")
        sys.stdout.flush()
        _follow(watch, asked.json)


def _follow(events: Iterable[Event], as_json: bool) -> None:
    for event in events:
        if as_json:
            print(json.dumps(event.to_dict()), flush=True)
        else:
            print(f"{_time(event.at)}  {event.kind:<18} {event.peer_id or ''}", flush=True)


def _nodes(asked: argparse.Namespace) -> None:
    with _client(asked) as client:
        nodes = client.nodes(
            online=asked.online, all=asked.all, capability=asked.capability, grant=asked.grant
        )
    if asked.json:
        print(json.dumps([node.to_dict() for node in nodes], indent=2))
        return
    rows = [("NODE", "STANDING", "PRESENCE", "UPTIME", "CAPABILITIES"), *map(_row, nodes)]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row[:4], widths, strict=True)]
        print("  ".join([*cells, row[4]]).rstrip())


def _row(node: NodeView) -> tuple[str, str, str, str, str]:
    uptime = f"{node.uptime_seconds} s" if node.uptime_seconds else ""
    return (node.peer_id, node.standing, node.presence, uptime, " ".join(node.capabilities))


def _time(at: int | None) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at)) if at is not None else " " * 19


if __name__ == "__main__":
    sys.exit(main())
