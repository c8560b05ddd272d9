"""The records: equal, hashed, pickled, frozen, and as JSON."""

import copy
import dataclasses
import inspect
import json
import pickle
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import rollbook
from conftest import ROOT, Standalone, start
from rollbook import Client, Event, EventKind, NodeView, Presence, Standing, Tally
from rollbook._types import Record

NODE = NodeView(
    peer_id="12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nXTN",
    multiaddrs=("/ip4/10.0.0.1/tcp/1",),
    agent="agent/1",
    capabilities=("scrape",),
    standing=Standing.ADMITTED,
    is_staked=True,
    is_validator=False,
    grants=("staked",),
    presence=Presence.UNKNOWN,
    is_active=True,
    home=None,
    session="01020304",
    first_joined=1,
    last_joined=2,
    last_left=None,
    last_updated=3,
    uptime_seconds=4,
    accumulated_uptime_seconds=5,
    eth_address=None,
    epoch=6,
    seq=7,
    tallies=(Tally("successes", 8, 9),),
)


@pytest.fixture
def records(tmp_path: Path) -> Iterator[list[Record]]:
    """One of every kind that a node gives."""
    with start(tmp_path / "node") as node:
        report = node.import_records([rollbook.ImportRecord("nobody", tallies=NODE.tallies)])
        explained = node.explain(node.peer_id)
        assert explained is not None
        page = node.page()
        yield [
            *[NODE, *node.nodes(), page, node.status(), node.events(), report, explained],
            *[Event(EventKind.LAGGED, lost=3), rollbook.ImportRecord("nobody"), NODE.tallies[0]],
        ]


def test_every_record_survives_its_forms(records: list[Record]) -> None:
    for record in records:
        assert type(record).from_dict(json.loads(json.dumps(record.to_dict()))) == record
        for twin in (
            pickle.loads(pickle.dumps(record)),
            copy.copy(record),
            copy.deepcopy(record),
            dataclasses.replace(record),
        ):
            assert twin == record and hash(twin) == hash(record)
        assert type(record).__name__ in repr(record)
        field = dataclasses.fields(record)[0].name
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(record, field, None)
        assert not hasattr(record, "__dict__")


def test_the_form_is_that_of_the_http_api(standalone: Standalone) -> None:
    with Client(standalone.data_dir) as client:
        own = client.status().peer_id
        for path, kind in (
            (f"/api/v1/nodes/{own}", NodeView),
            ("/api/v1/nodes", rollbook.NodePage),
            ("/api/v1/status", rollbook.Status),
            ("/api/v1/events/log?after=0", rollbook.EventPage),
            (f"/api/v1/nodes/{own}/explain", rollbook.Explanation),
        ):
            told = client._http.json("GET", path)
            read: Record = kind.from_dict(told)
            assert (written := read.to_dict()).keys() >= told.keys(), path
            if kind is not rollbook.EventPage:
                assert {name: written[name] for name in told} == told


def test_what_a_later_version_added_is_passed_over() -> None:
    told = {**NODE.to_dict(), "moonPhase": "full"}
    assert NodeView.from_dict(told) == NODE
    del told["tallies"]
    assert NodeView.from_dict(told).tallies == ()
    del told["agent"]
    with pytest.raises(KeyError):
        NodeView.from_dict(told)
    assert Event.from_dict({"kind": "moonRise", "id": 1, "at": 2, "peerId": None}).kind is (
        EventKind.OTHER
    )


def test_nodes_make_a_data_frame(tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas", reason="cargo xtask setup installs pandas")
    with start(tmp_path / "node") as node:
        frame: Any = pandas.DataFrame(node.nodes())
        assert list(frame.columns) == [field.name for field in dataclasses.fields(NodeView)]
        assert frame.loc[0, "peer_id"] == node.peer_id
        assert frame.loc[0, "presence"] == "online"
        assert len(pandas.DataFrame([NODE, NODE])) == 2


def test_errors_are_pickled_with_all_that_they_tell() -> None:
    kinds = [kind for kind in vars(rollbook).values() if isinstance(kind, type)]
    errors = [kind for kind in kinds if issubclass(kind, rollbook.RollbookError)]
    assert len(errors) == 27
    for kind in errors:
        error = kind("what happened", reason="Cause")
        again = pickle.loads(pickle.dumps(error))
        told = (str(error), error.code, error.reason)
        assert (type(again), str(again), again.code, again.reason) == (kind, *told)
        assert str(error) == "what happened" and error.code < 0


def test_every_code_has_its_number_and_its_exception() -> None:
    codes = list(rollbook.Code)
    assert [code.value for code in codes] == [0, 1, *range(-1, -32, -1)]
    only_in_c = {rollbook.Code.NULL, rollbook.Code.HANDLE, rollbook.Code.BUFSIZE}
    for code in codes:
        if code < 0 and code not in only_in_c:
            made = rollbook._errors.error_of(code.name, "Cause", "told")
            assert made.code is code and isinstance(made, rollbook.RollbookError)
            assert made.reason == "Cause"


def test_codes_are_those_of_the_c_interface() -> None:
    header = (ROOT / "include/rollbook.h").read_text()
    found = re.findall(r"^#define ROLLBOOK_(OK|NOTHING|E_\w+) (-?\d+)$", header, re.M)
    told = {name.removeprefix("E_"): int(number) for name, number in found}
    assert told == {code.name: code.value for code in rollbook.Code}


def test_every_failure_of_the_native_module_has_a_code() -> None:
    for path in (ROOT / "python/src").glob("*.rs"):
        for name in re.findall(r'(?:Failure::new\(\s*|=> |\|_\| )"([A-Z][A-Z_0-9]+)"', path.read_text()):
            assert name in rollbook.Code.__members__, (path.name, name)


def test_everything_public_is_documented() -> None:
    for module in (rollbook, rollbook.aio, rollbook.keys, rollbook.formats):
        assert module.__doc__
        for name in module.__all__:
            member = getattr(module, name)
            if isinstance(member, type) or inspect.isroutine(member):
                assert member.__doc__, f"{module.__name__}.{name}"
            if isinstance(member, type) and member.__module__.startswith("rollbook"):
                for attribute, value in vars(member).items():
                    if not attribute.startswith("_") and callable(value):
                        assert value.__doc__, f"{module.__name__}.{name}.{attribute}"
