"""The package as it is handed out: a wheel, a source distribution, and the front page's first steps."""

import os
import re
import subprocess
import sys
import tarfile
import tomllib
import venv
import zipfile
from pathlib import Path
from typing import Any

import rollbook
from conftest import ROOT, Standalone

PACKAGE = ROOT / "python"
# As long as a build may take on a machine where nothing is built yet.
BUILD_S = 900.0


def development() -> dict[str, str]:
    """Built for development, of what the workspace has built already."""
    target = os.environ.get("CARGO_TARGET_DIR", str(ROOT / "target"))
    # The tools stand beside the interpreter.
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    settings = {"MATURIN_PEP517_ARGS": "--profile dev", "CARGO_TARGET_DIR": target, "PATH": path}
    return os.environ | settings


def read(path: str) -> dict[str, Any]:
    return tomllib.loads((ROOT / path).read_text())


def blocks(page: str, sort: str) -> list[str]:
    """The blocks of a page of this sort, as they are printed."""
    return re.findall(rf"^```{sort}\n(.*?)^```$", (ROOT / page).read_text(), re.M | re.S)


def maturin(*arguments: object, cwd: Path) -> None:
    command = [sys.executable, "-m", "maturin", *map(str, arguments)]
    subprocess.run(command, cwd=cwd, env=development(), check=True, timeout=BUILD_S)


def test_the_wheel_holds_what_it_should(tmp_path: Path) -> None:
    maturin("build", "--profile", "dev", "--locked", "--out", tmp_path, cwd=PACKAGE)
    (wheel,) = tmp_path.glob("*.whl")
    assert wheel.name.split("-")[2:4] == ["cp311", "abi3"]
    with zipfile.ZipFile(wheel) as opened:
        names = set(opened.namelist())
        metadata = next(name for name in names if name.endswith(".dist-info/METADATA"))
        told = opened.read(metadata).decode()
    inside = {name.removeprefix("rollbook/") for name in names if name.startswith("rollbook/")}
    sources = {path.name for path in (PACKAGE / "py/rollbook").glob("*.py*") if path.is_file()}
    assert inside == sources | {"py.typed", "_native.abi3.so"}
    licences = {name.split("/")[-1] for name in names if "/licenses/" in name}
    assert licences == {"LICENSE-MIT", "LICENSE-APACHE"}
    assert "Requires-Python: >=3.11" in told and "Requires-Dist" not in told


def test_a_source_distribution_builds_a_wheel_in_an_empty_directory(tmp_path: Path) -> None:
    maturin("sdist", "--out", tmp_path, cwd=PACKAGE)
    (source,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(source) as opened:
        names = {name.split("/", 1)[1] for name in opened.getnames()}
        assert {"Cargo.lock", "python/Cargo.toml", "runtime/Cargo.toml", "core/Cargo.toml"} <= names
        assert not any(name.startswith(("target/", "node/", "tests/")) for name in names)
    empty = tmp_path / "empty"
    empty.mkdir()
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check"]
    command += ["--no-index", "--no-deps", "--no-build-isolation", "--wheel-dir", ".", str(source)]
    subprocess.run(command, cwd=empty, env=development(), check=True, timeout=BUILD_S)
    assert len(list(empty.glob("rollbook-*.whl"))) == 1


def test_the_steps_of_the_front_page_work_as_printed(
    tmp_path: Path, standalone: Standalone
) -> None:
    installs = [line for block in blocks("README.md", "sh no-run") for line in block.splitlines()]
    assert "pip install ./python" in installs
    (program,) = blocks("README.md", "python")
    environment = tmp_path / "environment"
    venv.create(environment, with_pip=True)
    pip = [str(environment / "bin/pip"), "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "./python"], cwd=ROOT, env=development(), check=True, timeout=BUILD_S)
    # Where the page's node runs: in the folder in which its reader is.
    (tmp_path / "rollbook-data").symlink_to(standalone.data_dir)
    listing = subprocess.run(
        [environment / "bin/python", "-W", "error", "-c", program],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (listing.returncode, listing.stderr) == (0, "")
    with rollbook.Client(standalone.data_dir) as client:
        assert client.status().peer_id in listing.stdout


def test_versions_are_the_same_everywhere() -> None:
    workspace, crate = read("Cargo.toml"), read("python/Cargo.toml")
    project = read("python/pyproject.toml")
    version = workspace["workspace"]["package"]["version"]
    assert version == rollbook.__version__
    assert crate["package"]["version"] == {"workspace": True}
    (abi,) = (
        feature
        for feature in workspace["workspace"]["dependencies"]["pyo3"]["features"]
        if feature.startswith("abi3-py")
    )
    oldest = abi.removeprefix("abi3-py3")
    assert project["project"]["requires-python"] == f">=3.{oldest}"
    for tool, key in (("mypy", "python_version"), ("pyright", "pythonVersion")):
        assert project["tool"][tool][key] == f"3.{oldest}"
    named = [
        int(match[1])
        for classifier in project["project"]["classifiers"]
        if (match := re.fullmatch(r"Programming Language :: Python :: 3\.(\d+)", classifier))
    ]
    assert min(named) == int(oldest)
    (required,) = project["build-system"]["requires"]
    pinned = (ROOT / "xtask/python-requirements.txt").read_text()
    assert required.startswith("maturin>=1.") and re.search(r"^maturin==1\.\d+", pinned, re.M)
