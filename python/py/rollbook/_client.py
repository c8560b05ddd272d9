"""A client of a node that runs, in this machine's terminal or elsewhere, over its HTTP API."""

import contextlib
import http.client
import json
import os
import socket
import threading
import urllib.parse
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Any, Self

from . import _http
from ._errors import ArgumentError, BusyError, RefusedError, UnknownNodeError
from ._node import SortKey, filter_of
from ._tracker import Counter
from ._types import (
    Event,
    EventKind,
    EventPage,
    Explanation,
    ImportRecord,
    ImportReport,
    NodePage,
    NodeView,
    Presence,
    Standing,
    Status,
)

_PAGE_MAX = 1000
_DEFAULT_DIR = "rollbook-data"


class EventStream:
    """The events of a node as they come. It ends with the node, and by `close`."""

    def __init__(
        self,
        connection: http.client.HTTPConnection,
        response: http.client.HTTPResponse,
        wire: socket.socket,
    ) -> None:
        # Without news a node sends a comment now and then: silence is the end.
        self._connection, self._response, self._wire = connection, response, wire
        self._reading = threading.Lock()
        self._closed = False

    def close(self) -> None:
        """Ends it, also for a thread that waits."""
        self._closed = True
        with contextlib.suppress(OSError):
            self._wire.shutdown(socket.SHUT_RDWR)
        # Whoever reads at the moment ends by itself, and gives it back then.
        if self._reading.acquire(blocking=False):
            try:
                self._give_back()
            finally:
                self._reading.release()

    def __iter__(self) -> Iterator[Event]:
        return self

    def __next__(self) -> Event:
        with self._reading:
            name, data = "", ""
            while (line := self._line()).endswith("\n"):
                field, _, value = line.rstrip("\r\n").partition(":")
                value = value.removeprefix(" ")
                match field:
                    case "event":
                        name = value
                    case "data":
                        data = f"{data}\n{value}" if data else value
                    case "" if not value and data and ":" not in line:
                        return _event_of(name, data)
                    case _:
                        pass
            self._give_back()
        raise StopIteration

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __del__(self) -> None:
        if hasattr(self, "_reading"):
            self.close()

    def _line(self) -> str:
        if self._closed:
            return ""
        # However the connection ended, the node is gone: that is the end.
        try:
            return self._response.readline().decode()
        except (OSError, ValueError, AttributeError, http.client.HTTPException):
            return ""

    def _give_back(self) -> None:
        self._closed = True
        self._response.close()
        self._connection.close()
        self._wire.close()


def _event_of(name: str, data: str) -> Event:
    told = json.loads(data)
    if name == "lagged":
        return Event(EventKind.LAGGED, lost=told["lost"])
    return Event.from_dict(told)


class Client:
    """Reads the roll of a node that runs, and gives it commands, over its HTTP API.

    Every call may come from any thread. It needs the standard library alone.
    """

    def __init__(
        self,
        data_dir: str | os.PathLike[str] | None = None,
        *,
        url: str | None = None,
        token: str | None = None,
        timeout: float = 60.0,
    ) -> None:
        """By the data directory of a node on this machine, `rollbook-data` unless it is said; or by URL, and token
        where one is needed. `timeout` is how long a node may be silent, in seconds."""
        if url is None:
            if token is not None:
                raise ArgumentError("a token goes with a URL", reason="Argument")
            place = _http.of_data_dir(_DEFAULT_DIR if data_dir is None else data_dir)
        elif data_dir is not None:
            raise ArgumentError("a data directory and a URL are two nodes", reason="Argument")
        else:
            place = _http.Place(url, token, None, "no node answers")
        self._http = _http.Connections(place, timeout)

    def __repr__(self) -> str:
        return f"Client(url={self.url!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __del__(self) -> None:
        if hasattr(self, "_http"):
            self._http.close()

    def close(self) -> None:
        """Closes the connections."""
        self._http.close()

    @property
    def url(self) -> str:
        """Where the node answers."""
        return self._http.place.url

    def get(self, peer_id: str) -> NodeView | None:
        """One node of the roll."""
        try:
            return NodeView.from_dict(self._http.json("GET", _path(peer_id)))
        except UnknownNodeError:
            return None

    def nodes(
        self,
        *,
        online: bool = False,
        all: bool = False,
        capability: str | None = None,
        grant: str | None = None,
        standing: Standing | str | None = None,
        presence: Presence | str | None = None,
        home: str | None = None,
    ) -> list[NodeView]:
        """The nodes of the roll, in the order of their peer ids. Removed and banned ones only with `all` or by
        `standing`."""
        wanted = _query(online, all, capability, grant, standing, presence, home)
        nodes: list[NodeView] = []
        while True:
            page = NodePage.from_dict(self._http.json("GET", "/api/v1/nodes", wanted))
            nodes.extend(page.nodes)
            if page.next is None:
                return nodes
            wanted["after"] = page.next

    def page(
        self,
        *,
        sort: SortKey = "peerId",
        after: str | None = None,
        limit: int = _PAGE_MAX,
        online: bool = False,
        all: bool = False,
        capability: str | None = None,
        grant: str | None = None,
        standing: Standing | str | None = None,
        presence: Presence | str | None = None,
        home: str | None = None,
    ) -> NodePage:
        """A page of the nodes, in an order of one's choice; `after` is the `next` of the page before."""
        wanted = _query(online, all, capability, grant, standing, presence, home)
        wanted |= {"sort": sort, "limit": str(limit)}
        if after is not None:
            wanted["after"] = after
        return NodePage.from_dict(self._http.json("GET", "/api/v1/nodes", wanted))

    def select(
        self, capability: str, *, grant: str | None = None, limit: int = 10
    ) -> list[NodeView]:
        """The nodes that can do something, the most reliable first: those that are online, then those that can be
        reached while nobody can tell whether they are here."""
        wanted = {"capability": capability, "limit": str(limit)}
        if grant is not None:
            wanted["grant"] = grant
        return [NodeView.from_dict(node) for node in self._http.json("GET", "/api/v1/select", wanted)]

    def explain(self, peer_id: str) -> Explanation | None:
        """Why a node is seen as it is: every fact with the statement that it stands in."""
        try:
            return Explanation.from_dict(self._http.json("GET", f"{_path(peer_id)}/explain"))
        except UnknownNodeError:
            return None

    def status(self) -> Status:
        """The state of the node."""
        return Status.from_dict(self._http.json("GET", "/api/v1/status"))

    def ready(self) -> bool:
        """Whether the node is ready: it has a home, and its disk takes writes."""
        try:
            self._http.text("GET", "/readyz")
        except BusyError:
            return False
        return True

    def metrics(self) -> str:
        """The node's figures, as Prometheus reads them."""
        return self._http.text("GET", "/metrics").decode()

    def events(self, after: int = 0, limit: int = _PAGE_MAX) -> EventPage:
        """At most `limit` of the events that follow number `after` and are still kept."""
        wanted = {"after": str(after), "limit": str(limit)}
        return EventPage.from_dict(self._http.json("GET", "/api/v1/events/log", wanted))

    def watch(self, after: int | None = None) -> EventStream:
        """Follows events: those after number `after`, or from now on."""
        wanted = None if after is None else {"after": str(after)}
        return EventStream(*self._http.stream("/api/v1/events", wanted))

    def admit(self, peer_id: str) -> NodeView | None:
        """Admits a node; on an authority only. Gives the node as it is then, once the decision is on disk."""
        return self._command("POST", f"{_path(peer_id)}/admit")

    def ban(self, peer_id: str) -> NodeView | None:
        """Bans a node; on an authority only. Gives the node as it is then, once the decision is on disk."""
        return self._command("POST", f"{_path(peer_id)}/ban")

    def remove(self, peer_id: str) -> NodeView | None:
        """Removes a node; on an authority only. Gives the node as it is then, once the decision is on disk."""
        return self._command("POST", f"{_path(peer_id)}/remove")

    def grant(self, peer_id: str, name: str) -> NodeView | None:
        """Gives a node a grant by its name; on an authority only."""
        return self._command("POST", f"{_path(peer_id)}/grants/{_part(name)}")

    def revoke(self, peer_id: str, name: str) -> NodeView | None:
        """Takes a grant back; on an authority only."""
        return self._command("DELETE", f"{_path(peer_id)}/grants/{_part(name)}")

    def observe(self, peer_id: str, counter: Counter, count: int = 1) -> NodeView | None:
        """Counts something about another node."""
        path = f"{_path(peer_id)}/observations/{_part(counter)}"
        return self._command("POST", path, {"count": str(count)})

    def reload(self) -> Status:
        """Lets the node read its lists of authorities and of whom it lets in anew."""
        return Status.from_dict(self._http.json("POST", "/api/v1/reload", authorized=True))

    def import_records(
        self, records: Iterable[ImportRecord], *, trust_grants: bool = False
    ) -> ImportReport:
        """Takes over what another system knew; on an authority only. Importing the same again changes nothing."""
        body = {
            "trustGrants": trust_grants,
            "records": [record.to_dict() for record in records],
        }
        answer = self._http.json("POST", "/api/v1/import", body=body, authorized=True)
        return ImportReport.from_dict(answer)

    def _command(
        self, method: str, path: str, query: dict[str, str] | None = None
    ) -> NodeView | None:
        if self._http.place.token is None:
            raise RefusedError("a command needs the node's token", reason="NotAllowed")
        answer = self._http.json(method, path, query, authorized=True)
        return None if answer is None else NodeView.from_dict(answer)


def _part(text: str) -> str:
    return urllib.parse.quote(text, safe="")


def _path(peer_id: str) -> str:
    return f"/api/v1/nodes/{_part(peer_id)}"


def _query(*wanted: Any) -> dict[str, str]:
    parts = filter_of(*wanted)
    switches = {name: "true" for name, value in parts.items() if value is True}
    texts = {name: str(value) for name, value in parts.items() if isinstance(value, str)}
    return switches | texts
