"""The HTTP of a client: connections to one node, kept open, of the standard library alone.

No proxy and no redirect is followed. Every answer names the node that gave it; where it is known who is to answer, one
of somebody else is none.
"""

import http.client
import json
import os
import socket
import threading
import urllib.parse
from pathlib import Path
from typing import Any, NamedTuple

from ._errors import (
    ArgumentError,
    BusyError,
    ClosedError,
    Code,
    DecodeError,
    FullError,
    InputOutputError,
    IsAuthorityError,
    NodeTimeout,
    NotAuthorityError,
    RecoveringError,
    RefusedError,
    RollbookError,
    UnknownNodeError,
)

_PEER_ID_HEADER = "rollbook-peer-id"
_API_FILE = "api.json"


class Place(NamedTuple):
    """Where a node answers."""

    url: str
    token: str | None
    peer_id: str | None
    told_by: str
    """What an error says of it."""


def of_data_dir(data_dir: str | os.PathLike[str]) -> Place:
    """The node that runs in a data directory, on this machine."""
    path = Path(data_dir) / _API_FILE
    try:
        told = json.loads(path.read_bytes())
        place = Place(told["url"], told["token"], told["peerId"], f"no node runs in {data_dir}")
    except FileNotFoundError:
        message = f"no node runs in {data_dir} (no {_API_FILE} there)"
        raise ClosedError(message, reason="NotRunning") from None
    except OSError as error:
        raise InputOutputError(f"cannot read {path}: {error.strerror}", reason="Io") from error
    except (ValueError, TypeError, KeyError) as error:
        raise DecodeError(f"{path} is not what a node writes", reason="ApiFile") from error
    # The token must not be carried elsewhere by mistake.
    if not _is_of_this_machine(place.url):
        raise DecodeError(f"{path} names no address of this machine", reason="ApiFile")
    return place


def _is_of_this_machine(url: str) -> bool:
    parts = urllib.parse.urlsplit(url)
    try:
        if parts.scheme != "http" or parts.hostname is None:
            return False
        # The system lets nobody listen on an address that is another machine's.
        with socket.create_server((parts.hostname, 0), family=_family(parts.hostname)):
            return True
    except (OSError, ValueError):
        return False


def _family(host: str) -> socket.AddressFamily:
    # Numbers only: a name may mean another machine.
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            socket.inet_pton(family, host)
            return family
        except OSError:
            continue
    raise ValueError("not a number")


class Connections:
    """Asks a node, over connections that are kept for the next question."""

    def __init__(self, place: Place, timeout: float) -> None:
        parts = urllib.parse.urlsplit(place.url)
        if parts.scheme not in ("http", "https") or parts.hostname is None:
            raise ArgumentError(f"not the URL of a node: {place.url!r}", reason="Url")
        self.place = place
        self.timeout = timeout
        self._secure = parts.scheme == "https"
        self._host, self._port = parts.hostname, parts.port
        self._prefix = parts.path.rstrip("/")
        self._lock = threading.Lock()
        self._idle: list[http.client.HTTPConnection] = []
        self._closed = False

    def close(self) -> None:
        """Closes what is idle; what is asked later is refused."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def json(
        self,
        method: str,
        path: str,
        query: dict[str, str] | None = None,
        body: object = None,
        *,
        authorized: bool = False,
    ) -> Any:
        """Asks and reads the JSON of the answer."""
        text = self.text(method, path, query, body, authorized=authorized)
        try:
            return json.loads(text)
        except ValueError as error:
            message = "the node's answer is not understood (another version?)"
            raise DecodeError(message, reason="Answer") from error

    def text(
        self,
        method: str,
        path: str,
        query: dict[str, str] | None = None,
        body: object = None,
        *,
        authorized: bool = False,
    ) -> bytes:
        """Asks and reads the answer. For a read the token is shown only where it is demanded."""
        target = self._target(path, query)
        connection, response = self.ask(method, target, body, authorized=authorized)
        if response.status == 401 and not authorized and self.place.token is not None:
            response.read()
            self._keep(connection, response)
            connection, response = self.ask(method, target, body, authorized=True)
        try:
            answer = response.read()
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise self._lost(error) from error
        self._keep(connection, response)
        if response.status >= 300:
            raise _refusal(response.status, answer)
        return answer

    def stream(
        self, path: str, query: dict[str, str] | None
    ) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse, socket.socket]:
        """Asks for an answer that goes on. The connection is the caller's, and is closed by its socket."""
        target = self._target(path, query)
        for authorized in (False, True):
            connection, response = self.ask("GET", target, None, authorized=authorized, fresh=True)
            wire = connection.sock
            if response.status < 300 and wire is not None:
                return connection, response, wire
            answer = response.read()
            connection.close()
            if response.status != 401 or self.place.token is None or authorized:
                break
        raise _refusal(response.status, answer)

    def ask(
        self,
        method: str,
        target: str,
        body: object,
        *,
        authorized: bool,
        fresh: bool = False,
    ) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
        """Sends a request and reads the head of its answer."""
        headers = {"accept": "*/*"}
        if authorized and self.place.token is not None:
            headers["authorization"] = f"Bearer {self.place.token}"
        content = None
        if body is not None:
            content = json.dumps(body).encode()
            headers["content-type"] = "application/json"
        while True:
            connection, is_used = self._connection(fresh)
            try:
                connection.request(method, target, content, headers)
                response = connection.getresponse()
                break
            except (OSError, http.client.HTTPException) as error:
                connection.close()
                # A node closes what was idle for long: that is no answer, and a read is asked again.
                if is_used and isinstance(error, ConnectionError) and method == "GET":
                    continue
                raise self._lost(error) from error
        if self.place.peer_id is not None:
            answered_by = response.getheader(_PEER_ID_HEADER)
            if answered_by != self.place.peer_id:
                connection.close()
                raise self._stale("another program answers there")
        return connection, response

    def _target(self, path: str, query: dict[str, str] | None) -> str:
        asked = f"?{urllib.parse.urlencode(query)}" if query else ""
        return f"{self._prefix}{path}{asked}"

    def _connection(self, fresh: bool) -> tuple[http.client.HTTPConnection, bool]:
        with self._lock:
            if self._closed:
                raise ClosedError("the client is closed", reason="Closed")
            if self._idle and not fresh:
                return self._idle.pop(), True
        kind = http.client.HTTPSConnection if self._secure else http.client.HTTPConnection
        return kind(self._host, self._port, timeout=self.timeout), False

    def _keep(
        self, connection: http.client.HTTPConnection, response: http.client.HTTPResponse
    ) -> None:
        with self._lock:
            if not self._closed and not response.will_close:
                self._idle.append(connection)
                return
        connection.close()

    def _lost(self, error: Exception) -> RollbookError:
        if isinstance(error, TimeoutError):
            message = f"the node at {self.place.url} does not answer in time"
            return NodeTimeout(message, reason="Timeout")
        if isinstance(error, ConnectionRefusedError):
            return self._stale("nothing answers there")
        return InputOutputError(f"lost the node at {self.place.url}: {error}", reason="Io")

    def _stale(self, reason: str) -> RollbookError:
        message = f"{self.place.told_by} ({self.place.url}: {reason})"
        return ClosedError(message, reason="NotRunning")


def _refusal(status: int, answer: bytes) -> RollbookError:
    """What a node refused, as what it would be here."""
    try:
        told = str(json.loads(answer)["error"])
    except (ValueError, TypeError, KeyError):
        told = f"the node answered {status}"
    match status:
        case 400 | 414 | 415 | 431:
            return ArgumentError(told, reason="Request")
        case 401 | 403:
            return RefusedError(told, reason="NotAllowed")
        case 404 if "grant" in told or "counter" in told:
            return ArgumentError(told, reason="UnknownName")
        case 404:
            return UnknownNodeError(told, reason="UnknownNode")
        case 408:
            return NodeTimeout(told, reason="Timeout")
        case 409 if "not an authority" in told:
            return NotAuthorityError(told, reason="NotAuthority")
        case 409 if "lost a part" in told:
            return RecoveringError(told, reason="Recovering")
        case 409 if "an authority cannot" in told:
            return IsAuthorityError(told, reason="IsAuthority")
        case 413 | 507:
            return FullError(told, code=Code.FULL, reason="Full")
        case 429:
            return BusyError(told, reason="Rate")
        case 503:
            return BusyError(told, reason="Unavailable")
        case _:
            return RefusedError(told, reason="Refused")
