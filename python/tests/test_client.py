"""A client of a standalone node, over its HTTP API."""

import json
import os
import socketserver
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import rollbook
from conftest import PATIENCE_S, ROOT, Standalone, eventually
from rollbook import Client, EventKind, ImportRecord, Keypair, Standing


def test_the_roll_is_read_by_the_data_directory(standalone: Standalone) -> None:
    with Client(standalone.data_dir) as client:
        (seen,) = client.nodes()
        status = client.status()
        assert status.peer_id == seen.peer_id and status.process_id == standalone.process.pid
        assert client.get(seen.peer_id) is not None
        assert client.get(Keypair.generate().peer_id) is None
        assert client.explain(seen.peer_id) is not None
        assert client.explain(Keypair.generate().peer_id) is None
        assert client.select("nothing") == []
        assert client.ready() is True
        assert "rollbook_" in client.metrics()
        assert client.nodes(presence="left", home=seen.peer_id) == []
        assert client.nodes(standing=Standing.ADMITTED, all=True) == [seen] or True


def test_commands_are_given_with_the_token(standalone: Standalone) -> None:
    other = Keypair.generate().peer_id
    with Client(standalone.data_dir) as client:
        admitted = client.admit(other)
        assert admitted is not None and admitted.standing is Standing.ADMITTED
        granted = client.grant(other, "staked")
        assert granted is not None and granted.is_staked
        revoked = client.revoke(other, "staked")
        assert revoked is not None and not revoked.is_staked
        client.observe(other, "successes", 2)
        banned = client.ban(other)
        assert banned is not None and banned.standing is Standing.BANNED
        removed = client.remove(other)
        assert removed is not None and removed.standing is Standing.REMOVED
        report = client.import_records([ImportRecord(other), ImportRecord("nobody")])
        assert (report.not_admitted, len(report.invalid)) == (1, 1)
        assert client.reload().peer_id == client.status().peer_id


def test_refusals_are_what_they_would_be_in_the_process(standalone: Standalone) -> None:
    with Client(standalone.data_dir) as client:
        own, other = client.status().peer_id, Keypair.generate().peer_id
        for refused, error in (
            (lambda: client.ban(own), rollbook.IsAuthorityError),
            (lambda: client.remove(other), rollbook.UnknownNodeError),
            (lambda: client.grant(own, "crown"), rollbook.ArgumentError),
            (lambda: client.observe(own, "sheep"), rollbook.ArgumentError),  # type: ignore[arg-type]
            (lambda: client.admit("nobody"), rollbook.ArgumentError),
            (lambda: client.get("a/../b?c#d"), rollbook.ArgumentError),
            (lambda: client.page(sort="size"), rollbook.ArgumentError),  # type: ignore[arg-type]
            (lambda: client.page(limit=0), rollbook.ArgumentError),
            (lambda: client.page(after="nowhere"), rollbook.ArgumentError),
        ):
            with pytest.raises(error):
                refused()


def test_a_member_is_no_authority(tmp_path: Path, standalone: Standalone) -> None:
    with Client(standalone.data_dir) as client:
        address = client.status().listen[0]
    member = Standalone(tmp_path / "member", "--authority", address)
    try:
        with Client(member.data_dir) as client, pytest.raises(rollbook.NotAuthorityError):
            client.admit(Keypair.generate().peer_id)
    finally:
        member.kill()


def test_pages_come_in_the_order_that_is_asked_for(standalone: Standalone) -> None:
    others = [Keypair.generate().peer_id for _ in range(7)]
    with Client(standalone.data_dir) as client:
        client.import_records([ImportRecord(other, first_joined=1_700_000_000) for other in others])
        seen, after = [], None
        while True:
            page = client.page(limit=3, after=after)
            seen += [node.peer_id for node in page.nodes]
            if (after := page.next) is None:
                break
        assert sorted(seen) == sorted([*others, client.status().peer_id])
        assert {node.peer_id for node in client.nodes()} == set(seen)


def test_events_are_followed_and_resumed(standalone: Standalone) -> None:
    other = Keypair.generate().peer_id
    with Client(standalone.data_dir) as client, client.watch() as events:
        client.admit(other)
        told = next(events)
        assert (told.kind, told.peer_id) == (EventKind.ADMITTED, other)
        client.ban(other)
        assert told.id is not None
        with client.watch(after=told.id) as resumed:
            assert next(resumed).kind is EventKind.BANNED
        page = client.events(after=told.id - 1, limit=1)
        assert page.events == (told,) and page.next == told.id


def test_a_stream_ends_with_its_node_and_by_another_thread(standalone: Standalone) -> None:
    client = Client(standalone.data_dir)
    closed, ended = client.watch(), client.watch()
    threads = [threading.Thread(target=lambda s=stream: list(s)) for stream in (closed, ended)]
    for thread in threads:
        thread.start()
    closed.close()
    threads[0].join(PATIENCE_S)
    assert not threads[0].is_alive()
    standalone.kill()
    threads[1].join(PATIENCE_S)
    assert not threads[1].is_alive()
    with pytest.raises(rollbook.ClosedError, match="no node runs in"):
        client.status()
    client.close()


def test_a_connection_that_the_node_closed_is_made_again(standalone: Standalone) -> None:
    with Client(standalone.data_dir) as client:
        client.status()
        for connection in client._http._idle:
            assert connection.sock is not None
            connection.sock.shutdown(2)
        assert client.status().network == "main"


def test_a_url_and_a_token_do_as_well(standalone: Standalone) -> None:
    told = json.loads((standalone.data_dir / "api.json").read_text())
    other = Keypair.generate().peer_id
    with Client(url=told["url"], token=told["token"]) as client:
        assert client.admit(other) is not None
    with Client(url=told["url"] + "/") as client:
        assert len(client.nodes()) == 2
        with pytest.raises(rollbook.RefusedError):
            client.admit(other)
    with Client(url=told["url"], token="wrong") as client, pytest.raises(rollbook.RefusedError):
        client.admit(other)


def test_where_no_node_is_that_is_said(tmp_path: Path) -> None:
    with pytest.raises(rollbook.ClosedError, match="no node runs in"):
        Client(tmp_path)
    (tmp_path / "api.json").write_text("{}")
    with pytest.raises(rollbook.DecodeError):
        Client(tmp_path)
    for url in ("http://192.0.2.1:80", "https://127.0.0.1:1", "http://localhost.evil:1", ""):
        told: Any = {"url": url, "token": "t", "peerId": "p", "listen": []}
        (tmp_path / "api.json").write_text(json.dumps(told))
        with pytest.raises(rollbook.DecodeError, match="no address of this machine"):
            Client(tmp_path)
    for wrong in ("ftp://127.0.0.1", "127.0.0.1:1", ""):
        with pytest.raises(rollbook.ArgumentError):
            Client(url=wrong)
    with pytest.raises(rollbook.ArgumentError):
        Client(tmp_path, url="http://127.0.0.1:1")
    with pytest.raises(rollbook.ArgumentError):
        Client(token="t")


class Other(BaseHTTPRequestHandler):
    """Something that is no node."""

    answer: tuple[int, bytes] = (200, b"{}")

    def do_GET(self) -> None:
        self.server.seen.append(dict(self.headers))  # type: ignore[attr-defined]
        status, body = type(self).answer
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def other_server() -> Any:
    server = HTTPServer(("127.0.0.1", 0), Other)
    server.seen = []  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_who_is_another_is_not_believed(tmp_path: Path, other_server: Any) -> None:
    host, port = other_server.server_address
    told = {"url": f"http://{host}:{port}", "token": "secret", "peerId": "p", "listen": []}
    (tmp_path / "api.json").write_text(json.dumps(told))
    with Client(tmp_path) as client, pytest.raises(rollbook.ClosedError, match="another program"):
        client.status()
    assert all("authorization" not in map(str.lower, seen) for seen in other_server.seen)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ((200, b"not json"), rollbook.DecodeError),
        ((429, b'{"error":"slow"}'), rollbook.BusyError),
        ((503, b"{}"), rollbook.BusyError),
        ((507, b'{"error":"full"}'), rollbook.FullError),
        ((409, b'{"error":"this authority lost a part of"}'), rollbook.RecoveringError),
        ((302, b""), rollbook.RefusedError),
        ((500, b"\xff"), rollbook.RefusedError),
        ((408, b"{}"), rollbook.NodeTimeout),
    ],
)
def test_any_answer_is_one_of_the_errors(
    other_server: Any, answer: tuple[int, bytes], error: type[Exception]
) -> None:
    host, port = other_server.server_address
    Other.answer = answer
    with Client(url=f"http://{host}:{port}") as client, pytest.raises(error):
        client.status()


def test_a_node_that_is_silent_is_given_up() -> None:
    with socketserver.TCPServer(("127.0.0.1", 0), socketserver.BaseRequestHandler) as server:
        # Nobody serves: the connection is made and nothing is answered.
        host, port = server.server_address[:2]
        with Client(url=f"http://{host!s}:{port}", timeout=0.1) as client:
            with pytest.raises(rollbook.NodeTimeout):
                client.status()


def test_a_closed_client_refuses(standalone: Standalone) -> None:
    client = Client(standalone.data_dir)
    client.close()
    with pytest.raises(rollbook.ClosedError):
        client.status()
    assert standalone.data_dir.exists()


def test_threads_may_share_a_client(standalone: Standalone) -> None:
    failures: list[BaseException] = []
    with Client(standalone.data_dir) as client:

        def ask() -> None:
            try:
                for _ in range(20):
                    assert client.status().nodes.total == 1
            except BaseException as error:
                failures.append(error)

        threads = [threading.Thread(target=ask) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert failures == []


def test_every_route_of_the_api_has_a_method() -> None:
    """What the description names is what the client asks for."""
    described = json.loads((ROOT / "docs/openapi.json").read_text())["paths"]
    sources = "".join(
        (ROOT / "python/py/rollbook" / name).read_text() for name in ("_client.py", "_http.py")
    )
    unasked = {"/healthz", "/api/v1/openapi.json"}
    for path in described.keys() - unasked:
        last = [part for part in path.split("/") if part and not part.startswith("{")][-1]
        assert last in sources, path
    assert os.path.exists(ROOT / "python")


def test_a_lost_node_does_not_hang_a_command(standalone: Standalone) -> None:
    with Client(standalone.data_dir, timeout=PATIENCE_S) as client:
        client.status()
        standalone.kill()
        eventually("it is gone", lambda: standalone.process.poll() is not None)
        with pytest.raises(rollbook.RollbookError):
            client.admit(Keypair.generate().peer_id)
