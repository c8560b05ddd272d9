"""Processes that are interrupted, that forget to close, and that run for long."""

import gc
import os
import resource
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import rollbook
from conftest import PATIENCE_S, start
from rollbook import Keypair, Tracker

# An interpreter ends sooner than this, with a node that was forgotten. The rest is for a machine that is busy.
EXIT_S = 2.0
SETTINGS = 'listen=["/ip4/127.0.0.1/tcp/0"], sync_interval=0.2'

# Every call that waits, so long that only Ctrl-C ends it.
WAITS = {
    "watch": "list(watch)",
    "take": "[watch.take(timeout=None) for _ in range(1000)]",
    "wait_until": "node.wait_until(lambda node: False)",
    "stream": "list(client.watch())",
    "asyncio": "asyncio.run(forever())",
}


def script(body: str, data_dir: Path) -> list[str]:
    text = f"""
        import asyncio, sys, rollbook
        from rollbook import aio
        data_dir = {str(data_dir)!r}
        """
    return [sys.executable, "-c", textwrap.dedent(text) + textwrap.dedent(body)]


@contextmanager
def program(body: str, data_dir: Path) -> Iterator["subprocess.Popen[str]"]:
    """A program whose output is read; it is ended, whatever becomes of the test."""
    with subprocess.Popen(
        script(body, data_dir), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def run(body: str, data_dir: Path) -> tuple["subprocess.CompletedProcess[str]", float]:
    """Runs a program to its end; how long it took after it said that it is ready."""
    with program(body, data_dir) as process:
        assert process.stdout is not None
        said = process.stdout.readline()
        begun = time.monotonic()
        out, err = process.communicate(timeout=PATIENCE_S)
        took = time.monotonic() - begun
    return subprocess.CompletedProcess(process.args, process.returncode, said + out, err), took


@pytest.mark.parametrize("wait", WAITS)
def test_ctrl_c_ends_every_wait(tmp_path: Path, wait: str, standalone: object) -> None:
    body = f"""
        async def forever():
            async with aio.Node(data_dir + "-aio", {SETTINGS}) as node:
                print("waits", flush=True)
                await node.wait_until(lambda node: False)

        client = rollbook.Client({str(getattr(standalone, "data_dir"))!r})
        node = rollbook.Node(data_dir, {SETTINGS})
        watch = node.watch()
        try:
            if {wait!r} != "asyncio":
                print("waits", flush=True)
            {WAITS[wait]}
        except KeyboardInterrupt:
            node.close()
            client.close()
            print("interrupted", flush=True)
        """
    with program(body, tmp_path / "node") as process:
        assert process.stdout is not None and process.stdout.readline() == "waits\n"
        # It may be about to wait yet; a signal that comes before is remembered.
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=PATIENCE_S)
    assert (process.returncode, out, err) == (0, "interrupted\n", "")


def test_a_program_that_forgets_to_close_ends_promptly(tmp_path: Path) -> None:
    body = f"""
        import warnings
        warnings.simplefilter("always")
        node = rollbook.Node(data_dir, {SETTINGS})
        watch = node.watch()
        print(node.peer_id, flush=True)
        """
    ended, took = run(body, tmp_path / "node")
    assert ended.returncode == 0, ended.stderr
    assert "ResourceWarning" in ended.stderr and "was not closed" in ended.stderr
    assert took < EXIT_S, took
    with start(tmp_path / "node") as node:
        assert node.peer_id == ended.stdout.strip()


def test_a_thread_that_waits_does_not_keep_a_program(tmp_path: Path) -> None:
    body = f"""
        import threading, warnings
        warnings.simplefilter("ignore")
        rollbook.set_log_level("DEBUG")
        node = rollbook.Node(data_dir, {SETTINGS})
        watches = [node.watch() for _ in range(4)]
        for watch in watches:
            threading.Thread(target=lambda w=watch: list(w), daemon=True).start()
        print("ready", flush=True)
        """
    ended, took = run(body, tmp_path / "node")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert took < EXIT_S, took


def test_an_exception_ends_a_program_with_its_node(tmp_path: Path) -> None:
    body = f"""
        with rollbook.Node(data_dir, {SETTINGS}) as node:
            print("ready", flush=True)
            raise KeyError("mine")
        """
    ended, _ = run(body, tmp_path / "node")
    assert ended.returncode == 1
    assert ended.stderr.rstrip().endswith("KeyError: 'mine'")


def test_a_killed_program_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    other = Keypair.generate().peer_id
    body = f"""
        import os
        node = rollbook.Node(data_dir, {SETTINGS})
        node.admit({other!r})
        node.grant({other!r}, "validator")
        print("done", flush=True)
        os.kill(os.getpid(), 9)
        """
    ended, _ = run(body, tmp_path / "node")
    assert ended.returncode == -signal.SIGKILL
    with start(tmp_path / "node") as node:
        seen = node.get(other)
        assert seen is not None and seen.is_validator


def test_spawned_processes_have_nodes_of_their_own(tmp_path: Path) -> None:
    body = f"""
        import multiprocessing

        def child(data_dir):
            with rollbook.Node(data_dir, {SETTINGS}) as node:
                return node.get(node.peer_id)

        if __name__ == "__main__":
            print("ready", flush=True)
            with rollbook.Node(data_dir, {SETTINGS}) as node:
                with multiprocessing.get_context("spawn").Pool(2) as pool:
                    views = pool.map(child, [data_dir + "1", data_dir + "2"])
                assert len({{view.peer_id for view in views}} | {{node.peer_id}}) == 3
        """
    path = tmp_path / "program.py"
    text = script(body, tmp_path / "node")[-1]
    path.write_text(text)
    subprocess.run([sys.executable, path], check=True, timeout=PATIENCE_S)


def resident_kib() -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1])
    raise AssertionError("no VmRSS")


def slope_kib(act: Callable[[], object], count: int) -> int:
    """How much memory `count` calls leave behind, after as many that warm up. What leaks grows each time, what others
    did in this process meanwhile does not."""
    growths = []
    for _ in range(4):
        before = resident_kib()
        for _ in range(count):
            act()
        gc.collect()
        growths.append(resident_kib() - before)
    return min(growths[1:])


# Of 100,000 calls. A leak of 32 bytes in each is three times this.
SLOPE_MAX_KIB = 1024


def test_memory_does_not_grow_with_what_a_tracker_does() -> None:
    tracker = Tracker(Keypair.generate())
    other = Keypair.generate().peer_id
    tracker.recover(rollbook.formats.new_journal(tracker.peer_id))
    tracker.start()
    tracker.announce(addresses=["/ip4/192.0.2.1/tcp/1"], capabilities=["worker"])

    def act() -> None:
        tracker.handle_gossip(other, b"\1")
        tracker.drain()
        tracker.nodes()
        with pytest.raises(rollbook.DecodeError):
            tracker.handle_request(other, b"\1\2\3")

    assert 4 * slope_kib(act, 6_250) < SLOPE_MAX_KIB


def test_memory_does_not_grow_with_what_a_node_does(tmp_path: Path) -> None:
    with start(tmp_path / "node") as node:

        def act() -> None:
            node.nodes()
            node.get(node.peer_id)
            node.watch().take(timeout=0.0)
            with pytest.raises(rollbook.PeerIdError):
                node.get("nobody")

        assert 4 * slope_kib(act, 6_250) < SLOPE_MAX_KIB


def test_nodes_give_everything_back(tmp_path: Path) -> None:
    def descriptors() -> int:
        return len(os.listdir("/proc/self/fd"))

    def threads() -> int:
        return len(os.listdir("/proc/self/task"))

    start(tmp_path / "node").close()
    end = time.monotonic() + PATIENCE_S
    before = descriptors(), threads()
    for _ in range(10):
        start(tmp_path / "node").close()
    while descriptors() > before[0] or threads() > before[1]:
        assert time.monotonic() < end, (before, descriptors(), threads())
        time.sleep(0.01)
    assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] > before[0]
