"""The examples run, and print what they say."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import PATIENCE_S, ROOT, Standalone, eventually, line, running
from rollbook import Client, ImportRecord, Keypair, NodeView

EXAMPLES = ROOT / "python/examples"


def run(name: str, *arguments: object, cwd: Path) -> str:
    ended = subprocess.run(
        [sys.executable, "-W", "error", EXAMPLES / name, *map(str, arguments)],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    assert (ended.returncode, ended.stderr) == (0, ""), ended.stderr
    return ended.stdout


def test_every_example_is_tested() -> None:
    tested = Path(__file__).read_text()
    for path in EXAMPLES.glob("*.py"):
        assert path.name in tested


def test_the_quickstart_joins_a_network(tmp_path: Path, standalone: Standalone) -> None:
    with Client(standalone.data_dir) as client:
        told = run("quickstart.py", client.status().listen[0], cwd=tmp_path)
        assert client.status().peer_id in told
        eventually("it has left again", lambda: client.nodes(presence="left"))


def test_the_service_answers_while_it_follows_the_roll(
    tmp_path: Path, standalone: Standalone
) -> None:
    with Client(standalone.data_dir) as client:
        address = client.status().listen[0]
        example = str(EXAMPLES / "asyncio_service.py")
        command = [sys.executable, "-W", "error", example, address]
        with running(command, cwd=tmp_path) as service:
            # Events may come before.
            while "serving on" not in (told := line(service)):
                pass
            where = told.split()[-1]

            def nodes() -> list[NodeView]:
                curl = ["curl", "--silent", "--fail", where]
                asked = subprocess.run(curl, capture_output=True, timeout=PATIENCE_S, check=True)
                return [NodeView.from_dict(node) for node in json.loads(asked.stdout)]

            eventually("both are answered", lambda: len(nodes()) == 2)
            eventually("it is seen", lambda: len(client.nodes(online=True)) == 2)
            service.send_signal(signal.SIGINT)
            assert service.wait(PATIENCE_S) == 0
        eventually("it has left", lambda: client.nodes(presence="left"))


def test_the_own_transport_brings_two_nodes_together(tmp_path: Path) -> None:
    told = run("own_transport.py", cwd=tmp_path)
    assert "both hold 2 nodes" in told


def test_workers_are_chosen_and_counted(tmp_path: Path) -> None:
    told = run("workers.py", cwd=tmp_path)
    assert "10 of 10 questions were answered" in told
    assert "10 timeouts" in told and "asked last now" in told


def test_a_roll_is_plotted(tmp_path: Path, standalone: Standalone) -> None:
    pytest.importorskip("matplotlib", reason="cargo xtask setup installs matplotlib")
    with Client(standalone.data_dir) as client:
        client.import_records(
            ImportRecord(
                Keypair.generate().peer_id,
                first_joined=1_780_000_000 + 1_000 * number,
                accumulated_uptime_seconds=3_600 * number,
            )
            for number in range(10)
        )
    picture = tmp_path / "roll.png"
    told = run("plot_roll.py", standalone.data_dir, picture, cwd=tmp_path)
    assert "11 nodes" in told
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert os.path.getsize(picture) > 10_000
