"""What the network has to say, in logging."""

import logging
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import rollbook
from conftest import PATIENCE_S, eventually, start


@pytest.fixture(autouse=True)
def quiet_again() -> Iterator[None]:
    yield
    rollbook.set_log_level(None)


def test_it_is_off_until_it_is_asked_for(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(1, logger="rollbook")
    start(tmp_path / "first").close()
    assert caplog.records == []
    rollbook.set_log_level("INFO")
    start(tmp_path / "second").close()
    eventually("its lines", lambda: [r for r in caplog.records if "stopped" in r.message])
    assert {record.levelno for record in caplog.records} <= {logging.INFO, logging.WARNING}
    assert all(record.name.split(".")[0] == "rollbook" for record in caplog.records)
    started = [record.message for record in caplog.records if "node started" in record.message]
    assert len(started) == 1 and "peer=" in started[0] and "listening=" in started[0]
    rollbook.set_log_level(logging.DEBUG)
    start(tmp_path / "third").close()
    eventually("more", lambda: any(r.levelno == logging.DEBUG for r in caplog.records))
    rollbook.set_log_level(None)
    count = len(caplog.records)
    start(tmp_path / "fourth").close()
    assert len(caplog.records) - count <= 1, "a line may have been under way"


def test_a_handler_may_use_the_node(tmp_path: Path) -> None:
    done = threading.Event()

    class Asking(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            node.status()
            done.set()

    handler = Asking()
    logger = logging.getLogger("rollbook")
    logger.addHandler(handler)
    logger.setLevel(1)
    try:
        with start(tmp_path / "node") as node:
            rollbook.set_log_level("DEBUG")
            with start(tmp_path / "other", authorities=node.addresses):
                assert done.wait(PATIENCE_S)
            rollbook.set_log_level(None)
    finally:
        logger.removeHandler(handler)
        logger.setLevel(logging.NOTSET)


def test_levels_are_those_of_logging() -> None:
    for level in ("ERROR", "WARNING", "INFO", "DEBUG", 5, 40, 10_000, None):
        rollbook.set_log_level(level)
    with pytest.raises(KeyError):
        rollbook.set_log_level("loud")
