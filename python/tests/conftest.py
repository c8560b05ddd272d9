"""What tests share: nodes on loopback, the standalone node, waiting on conditions."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import pytest
import rollbook

# What runs in the background of a shell ignores Ctrl-C, and so would all that it starts.
signal.signal(signal.SIGINT, signal.default_int_handler)

T = TypeVar("T")
# Nothing here takes a tenth of it, but on a machine that is busy.
PATIENCE_S = 60.0
ROOT = Path(__file__).resolve().parents[2]
LOOPBACK = ["/ip4/127.0.0.1/tcp/0"]
# Leases and repairs are counted in it.
INTERVAL_S = 0.2


def eventually(what: str, look: Callable[[], T | None]) -> T:
    """Waits until `look` gives something true."""
    end = time.monotonic() + PATIENCE_S
    while not (found := look()):
        assert time.monotonic() < end, f"{what}: not within {PATIENCE_S} s"
        time.sleep(0.02)
    return found


def start(data_dir: Path, **settings: Any) -> rollbook.Node:
    """A node on loopback that finds things out soon."""
    usual: dict[str, Any] = {"listen": LOOPBACK, "sync_interval": INTERVAL_S}
    return rollbook.Node(data_dir, **(usual | settings))


@pytest.fixture
def authority(tmp_path: Path) -> Iterator[rollbook.Node]:
    """A node that is its own authority."""
    with start(tmp_path / "authority") as node:
        yield node


class Standalone:
    """A `rollbook` process."""

    def __init__(self, data_dir: Path, *arguments: str) -> None:
        self.data_dir = data_dir
        self.log = data_dir.with_suffix(".log")
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [
                    binary(), "start", "--data-dir", data_dir, "--listen", LOOPBACK[0],
                    "--http", "127.0.0.1:0", "--sync-interval", f"{round(INTERVAL_S * 1000)}ms",
                    *arguments,
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        eventually("the node is ready", self._is_ready)

    def _is_ready(self) -> bool:
        assert self.process.poll() is None, self.log.read_text()
        return (self.data_dir / "api.json").exists()

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(PATIENCE_S)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(PATIENCE_S)


@contextmanager
def running(command: list[str], cwd: Path | None = None) -> Iterator["subprocess.Popen[str]"]:
    """A program whose output is read; it is ended, whatever becomes of the test."""
    with subprocess.Popen(command, cwd=cwd, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def line(process: "subprocess.Popen[str]") -> str:
    """The next line that a program prints."""
    assert process.stdout is not None
    told = process.stdout.readline()
    assert told, "it goes on"
    return told.rstrip("\n")


def binary() -> str:
    """The standalone node that is tested with."""
    named = os.environ.get("ROLLBOOK_BIN")
    found = named or shutil.which("rollbook", path=ROOT / "target/debug")
    assert found, "ROLLBOOK_BIN names the standalone node; cargo xtask test python builds it"
    return found


@pytest.fixture
def standalone(tmp_path: Path) -> Iterator[Standalone]:
    """A standalone node that is its own authority."""
    node = Standalone(tmp_path / "standalone")
    yield node
    node.kill()
