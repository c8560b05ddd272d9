"""What the network's threads have to say, in `logging`.

They never wait for Python: lines go into a bounded queue, from which one thread of Python takes them.
"""

import atexit
import logging
import threading

from . import _native

_lock = threading.Lock()
_pump: threading.Thread | None = None


def set_log_level(level: int | str | None) -> None:
    """Lets lines of this level and above appear in `logging`, under the logger `rollbook`; `None` switches them off
    again, as they are at first. What finds no room in the queue is counted and told."""
    global _pump
    number = _number(level)
    with _lock:
        _native.set_log_level(number)
        if number and (_pump is None or not _pump.is_alive()):
            _pump = threading.Thread(target=_run, name="rollbook-logging", daemon=True)
            _pump.start()


def _number(level: int | str | None) -> int:
    if level is None:
        return 0
    number = logging.getLevelNamesMapping()[level] if isinstance(level, str) else level
    return min(max(int(number), 1), 255)


def _run() -> None:
    goes_on, told_lost = True, 0
    while goes_on:
        lines, lost, goes_on = _native.take_log_records()
        for level, target, text in lines:
            logging.getLogger(target.replace("::", ".")).log(level, "%s", text)
        if lost > told_lost:
            logging.getLogger("rollbook").warning("%d lines found no room", lost - told_lost)
            told_lost = lost


@atexit.register
def _stop() -> None:
    with _lock:
        _native.stop_logging()
        pump = _pump
    # Not while the interpreter ends: the thread is in native code then.
    if pump is not None:
        pump.join(timeout=1.0)
