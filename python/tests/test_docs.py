"""docs/python.md says what the package says of itself, and its programs run.

`ROLLBOOK_WRITE_DOCS=1 pytest python/tests/test_docs.py` writes the tables anew.
"""

import inspect
import os
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
import rollbook
from conftest import PATIENCE_S, ROOT, Standalone
from rollbook import Code, aio, formats, keys
from rollbook._errors import _CLASSES

PAGE = ROOT / "docs/python.md"
ERRORS = ("<!-- errors: written by the tests of the package, from its tables -->", "<!-- end of errors -->")
REFERENCE = (
    "<!-- reference: written by the tests of the package, from its docstrings and signatures -->",
    "<!-- end of reference -->",
)
CLASSES = [
    rollbook.Client,
    rollbook.Node,
    rollbook.Watch,
    rollbook.EventStream,
    rollbook.Tracker,
    rollbook.Keypair,
]


def told(text: str | None) -> str:
    """A docstring as a cell of a table."""
    assert text, "everything public is documented"
    return " ".join(text.split()).replace("|", "\\|")


def signature(name: str, member: object) -> str:
    """How a call is written, without types."""
    assert callable(member)
    try:
        found = inspect.signature(member)
    except ValueError:
        return f"`{name}`"
    parameters = [
        parameter.replace(annotation=inspect.Parameter.empty)
        for parameter in found.parameters.values()
        if parameter.name != "self"
    ]
    empty = inspect.Signature.empty
    return f"`{name}{found.replace(parameters=parameters, return_annotation=empty)}`"


def shown(text: str) -> str:
    """Defaults that are objects are shown by their names."""
    return re.sub(r"<(?:bound method|function) ([\w.]+).*?>+", r"\1", text).replace("|", "\\|")


def rows_of(kind: type) -> list[str]:
    """A line for each attribute and method of a class."""
    rows = []
    for name, member in vars(kind).items():
        if name.startswith("_"):
            continue
        if isinstance(member, staticmethod):
            member = member.__func__
        is_call = callable(member)
        written = shown(signature(name, member)) if is_call else f"`{name}`"
        rows.append(f"| {written} | {told(inspect.getdoc(member))} |")
    # Those of the native class come in no order.
    return sorted(rows) if kind is rollbook.Keypair else rows


def class_table(kind: type, name: str) -> str:
    made = [] if kind is rollbook.Keypair or "Stream" in name or name == "Watch" else [kind]
    head = f"### `{name}`\n\n{told(inspect.getdoc(kind))}\n"
    for of in made:
        init: object = vars(of)["__init__"]
        head += f"\n{shown(signature(name, of))}: {told(inspect.getdoc(init))}\n"
    return "\n".join([head, "| call | does |", "|---|---|", *rows_of(kind)])


def module_table(module: ModuleType) -> str:
    name = module.__name__
    rows = []
    for member_name in module.__all__:
        member = getattr(module, member_name)
        if inspect.isroutine(member):
            rows.append(f"| {shown(signature(member_name, member))} | {told(member.__doc__)} |")
        elif isinstance(member, type) and member is not rollbook.Keypair:
            rows.append(f"| `{member_name}` | {told(inspect.getdoc(member))} |")
    return "\n".join([f"### `{name}`\n", told(module.__doc__), "", "| name | is |", "|---|---|", *rows])


def records_table() -> str:
    """Everything else that is public."""
    rows = []
    for name in rollbook.__all__:
        member = getattr(rollbook, name)
        is_error = isinstance(member, type) and issubclass(member, Exception)
        if isinstance(member, type) and member not in CLASSES and not is_error:
            rows.append(f"| `{name}` | {told(inspect.getdoc(member))} |")
    text = signature("set_log_level", rollbook.set_log_level)
    rows.append(f"| {text} | {told(rollbook.set_log_level.__doc__)} |")
    return "\n".join(["### Records and the rest\n", "| name | is |", "|---|---|", *rows])


def reference() -> str:
    """The whole reference."""
    tables = [class_table(kind, kind.__name__) for kind in CLASSES]
    head = told(aio.__doc__)
    same = "`aio.Node` and `aio.Client` have the calls of `Node` and `Client`; those that wait are awaited."
    tables.append(f"### `rollbook.aio`\n\n{head} {same}")
    tables += [module_table(keys), module_table(formats), records_table()]
    return "\n\n".join(tables)


def errors() -> str:
    """The codes with their exceptions."""
    docs = inspect.getsource(Code)
    rows = []
    for code in Code:
        if code in _CLASSES:
            kind = _CLASSES[code]
            found = re.search(rf'^    {code.name} = .*\n    """(.*)"""', docs, re.M)
            assert found, code
            bases = [base.__name__ for base in kind.__mro__[1:] if base is not object]
            usual = [name for name in bases if name not in ("RollbookError", "Exception", "BaseException")]
            rows.append(f"| {code.value} | `{code.name}` | `{kind.__name__}` | {', '.join(usual)} | {found[1]} |")
    return "\n".join(["| number | code | exception | is also | means |", "|---|---|---|---|---|", *rows])


def checked(between: tuple[str, str], expected: str) -> None:
    """Compares what stands between two lines of the page, or writes it."""
    page = PAGE.read_text()
    before, rest = page.split(between[0])
    found, after = rest.split(between[1])
    if os.environ.get("ROLLBOOK_WRITE_DOCS"):
        PAGE.write_text(f"{before}{between[0]}\n\n{expected}\n\n{between[1]}{after}")
        return
    assert found.strip() == expected, "ROLLBOOK_WRITE_DOCS=1 writes it anew"


def test_the_errors_are_those_of_the_package() -> None:
    checked(ERRORS, errors())


def test_the_reference_is_that_of_the_package() -> None:
    checked(REFERENCE, reference())


def test_the_programs_of_the_page_run(tmp_path: Path, standalone: Standalone) -> None:
    (tmp_path / "rollbook-data").symlink_to(standalone.data_dir)
    programs = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(), re.M | re.S)
    assert len(programs) == 4
    for program in programs:
        ended = subprocess.run(
            [sys.executable, "-W", "error", "-c", program],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
        )
        assert (ended.returncode, ended.stderr) == (0, ""), program


def test_every_example_is_on_the_page() -> None:
    page = PAGE.read_text()
    for path in (ROOT / "python/examples").glob("*.py"):
        assert f"(../python/examples/{path.name})" in page


def test_the_package_has_a_page_of_its_own() -> None:
    text = (ROOT / "python/README.md").read_text()
    (program,) = re.findall(r"^```python\n(.*?)^```$", text, re.M | re.S)
    compile(program, "python/README.md", "exec")


@pytest.mark.parametrize("kind", [*CLASSES, aio.Node, aio.Client, aio.Watch])
def test_every_call_of_a_class_is_documented(kind: type) -> None:
    assert rows_of(kind)
