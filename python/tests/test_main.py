"""`python -m rollbook`, as a person types it."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import rollbook
from conftest import LOOPBACK, PATIENCE_S, Standalone, line, running, start
from rollbook import Client, Keypair

COMMAND = [sys.executable, "-m", "rollbook"]


def told(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [*COMMAND, *arguments], capture_output=True, text=True, timeout=PATIENCE_S
    )


def test_a_node_runs_until_it_is_told_to_stop(tmp_path: Path) -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        command = [*COMMAND, "start", "--data-dir", str(tmp_path / "node"), "--listen", LOOPBACK[0]]
        with running(command) as process:
            name, peer_id = line(process).split()[-2:]
            assert name == "id"
            address = line(process).split()[-1]
            assert address.endswith(f"/p2p/{peer_id}")
            # Whatever happens follows.
            with start(tmp_path / f"member{number}", authorities=[address]) as member:
                while line(process).split()[2:] != ["joined", member.peer_id]:
                    pass
            process.send_signal(number)
            assert process.wait(PATIENCE_S) == 0


def test_a_running_node_is_shown(standalone: Standalone) -> None:
    where = ("--data-dir", str(standalone.data_dir))
    with Client(standalone.data_dir) as client:
        own = client.status().peer_id
        table = told("nodes", *where)
        assert table.returncode == 0 and own in table.stdout and "online" in table.stdout
        (listed,) = json.loads(told("nodes", "--json", "--online", *where).stdout)
        assert listed["peerId"] == own
        assert json.loads(told("status", *where).stdout)["peerId"] == own
        assert told("nodes", "--capability", "nothing", *where).stdout.count("\n") == 1
        other = Keypair.generate().peer_id
        client.admit(other)
        watching = [*COMMAND, "watch", "--json", "--after", "0", *where]
        with running(watching) as process:
            while json.loads(line(process))["peerId"] != other:
                pass
            process.send_signal(signal.SIGINT)
            assert process.wait(PATIENCE_S) == 0


def test_what_cannot_be_done_is_one_line(tmp_path: Path) -> None:
    missing = told("nodes", "--data-dir", str(tmp_path))
    assert missing.returncode == 1
    assert missing.stderr.startswith("error: no node runs in") and missing.stderr.count("\n") == 1
    wrong = told("start", "--data-dir", str(tmp_path / "node"), "--network", "Not A Name")
    assert wrong.returncode == 1 and wrong.stderr.startswith("error: network `Not A Name`")
    assert told("frobnicate").returncode == 2
    assert told("--version").stdout == f"rollbook {rollbook.__version__}\n"
