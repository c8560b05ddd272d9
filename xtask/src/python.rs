//! The Python package: its suite, its benchmarks, and what it is handed out as.
//!
//! Everything happens in environments under `target`, made for it: what is installed on the machine
//! is not looked at and not touched.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::report::Outcome;
use crate::run::{cargo, read, root, run, target};
use crate::{glibc, go, page, setup};

const PACKAGE: &str = "python";
/// How the build back end is told to build for development, with what is built already.
const DEVELOPMENT: (&str, &str) = ("MATURIN_PEP517_ARGS", "--profile dev");
/// The page that keeps the figures, and the lines that they stand between.
const PAGE: &str = "docs/python.md";
const FIGURES: (&str, &str) =
    ("<!-- figures: printed by `cargo xtask bench python --write` -->", "<!-- end of figures -->");
/// What a program sees of the package, without cargo or anything else that builds.
const PLAIN_PATH: &str = "/usr/bin:/bin";
/// Shows that a wheel works: a node is made, read, and closed.
const TRIAL: &str = "\
import sys, tempfile, rollbook
with tempfile.TemporaryDirectory() as folder:
    with rollbook.Node(folder, listen=['/ip4/127.0.0.1/tcp/0']) as node:
        assert node.get(node.peer_id).presence == 'online', node.nodes()
print('rollbook', rollbook.__version__, 'works in Python', sys.version.split()[0])
";

/// Types, stubs and tests of the package, as it is when it is installed.
pub(crate) fn suite() -> Result<Outcome> {
    let Some(tools) = setup::python_tools() else {
        let why = "the Python environment is not installed: cargo xtask setup";
        return Ok(Outcome::Skipped(why.to_owned()));
    };
    run(&mut cargo(&["build", "--locked", "-p", "rollbook-node"]))?;
    install(&tools)?;
    check_types(&tools)?;
    let mut pytest = tool(&tools, "python");
    pytest.args(["-m", "pytest", "-q", "-p", "no:cacheprovider", PACKAGE]);
    // Nodes of all three languages are one network.
    if let Err(missing) = setup::go() {
        return Ok(Outcome::Skipped(format!("a node in Go is needed: {missing:#}")));
    }
    pytest.env("ROLLBOOK_GO_NODE", go::example()?);
    run(pytest.env("ROLLBOOK_BIN", target().join("debug/rollbook")))?;
    Ok(Outcome::Passed)
}

/// Builds the package as pip does, for development, and installs it where the tools are.
fn install(tools: &Path) -> Result<()> {
    let mut pip = tool(tools, "pip");
    pip.args(["install", "--quiet", "--disable-pip-version-check", "--no-index", "--no-deps"]);
    pip.args(["--no-build-isolation", "--force-reinstall"]).arg(root().join(PACKAGE));
    run(pip.env(DEVELOPMENT.0, DEVELOPMENT.1))
}

/// The package is typed strictly, by two programs that look; its stubs are what is there.
fn check_types(tools: &Path) -> Result<()> {
    let sources = ["py", "tests", "examples", "bench"].map(|folder| format!("{PACKAGE}/{folder}"));
    let settings = format!("{PACKAGE}/pyproject.toml");
    let mut mypy = tool(tools, "mypy");
    mypy.args(["--strict", "--config-file", &settings, "--cache-dir"]);
    run(mypy.arg(target().join("python/mypy")).args(&sources))?;
    let python = tools.join("bin/python");
    let mut pyright = tool(tools, "basedpyright");
    pyright.args(["--project", PACKAGE, "--pythonpath"]).arg(&python);
    run(pyright.arg(&sources[0]))?;
    let mut complete = tool(tools, "basedpyright");
    run(complete.args(["--verifytypes", "rollbook", "--ignoreexternal"]))?;
    let mut stubs = tool(tools, "python");
    stubs.args(["-m", "mypy.stubtest", "rollbook._native", "--ignore-unused-allowlist"]);
    run(stubs.args(["--allowlist", &format!("{PACKAGE}/stubtest-allowlist.txt")]))
}

/// The `bench python` command: built in release, printed, and put on their page on demand.
pub(crate) fn bench(arguments: &[&str]) -> Result<bool> {
    ensure!(matches!(arguments, [] | ["--write"]), "'bench python' takes only '--write'");
    let tools = setup::python_tools().context("first: cargo xtask setup")?;
    let environment = environment("bench")?;
    let wheel = wheel(&tools)?;
    install_wheel(&environment, &wheel)?;
    let mut bench = tool(&environment, "python");
    bench.arg(root().join(PACKAGE).join("bench/figures.py"));
    let figures = read(&mut bench)?;
    if !arguments.is_empty() {
        page::replace(PAGE, FIGURES.0, FIGURES.1, figures.trim_end())?;
    }
    Ok(true)
}

/// The `dist python` command: a wheel that needs no compiler where it is installed.
pub(crate) fn dist(arguments: &[&str]) -> Result<bool> {
    ensure!(arguments.is_empty(), "'dist python' does not take '{}'", arguments.join(" "));
    let tools = setup::python_tools().context("first: cargo xtask setup")?;
    let wheel = wheel(&tools)?;
    let floor = glibc::floor(&extracted(&tools, &wheel)?)?;
    try_out(&wheel)?;
    let size = fs::metadata(&wheel).with_context(|| format!("no {}", wheel.display()))?.len();
    println!("\n{}", wheel.display());
    println!("{:.1} MB, for Python 3.11 and newer, glibc {floor} and newer", size as f64 / 1e6);
    Ok(true)
}

/// Builds the wheel in release; where it is.
fn wheel(tools: &Path) -> Result<PathBuf> {
    let folder = target().join("dist/python");
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("cannot empty {folder:?}"))?;
    }
    let mut maturin = tool(tools, "maturin");
    maturin.args(["build", "--release", "--locked", "--manifest-path"]);
    maturin.arg(root().join(PACKAGE).join("Cargo.toml")).arg("--out").arg(&folder);
    run(&mut maturin)?;
    let built = fs::read_dir(&folder).with_context(|| format!("no {folder:?}"))?;
    let wheels: Vec<PathBuf> = built.filter_map(|entry| Some(entry.ok()?.path())).collect();
    match wheels.as_slice() {
        [wheel] => Ok(wheel.clone()),
        _ => bail!("one wheel is expected, not {wheels:?}"),
    }
}

/// The native module in a wheel.
fn extracted(tools: &Path, wheel: &Path) -> Result<Vec<u8>> {
    let folder = target().join("dist/unpacked");
    let mut unpack = tool(tools, "python");
    run(unpack.args(["-m", "zipfile", "-e"]).arg(wheel).arg(&folder))?;
    let module = folder.join("rollbook/_native.abi3.so");
    fs::read(&module).with_context(|| format!("the wheel holds no {}", module.display()))
}

/// Installs the wheel in an empty environment, without an index and without cargo, and uses it.
fn try_out(wheel: &Path) -> Result<()> {
    let environment = environment("dist")?;
    install_wheel(&environment, wheel)?;
    let mut trial = tool(&environment, "python");
    run(trial.args(["-W", "error", "-c", TRIAL]).env("PATH", PLAIN_PATH))
}

fn install_wheel(environment: &Path, wheel: &Path) -> Result<()> {
    let mut pip = tool(environment, "pip");
    pip.args(["install", "--quiet", "--disable-pip-version-check", "--no-index"]).arg(wheel);
    run(pip.env("PATH", PLAIN_PATH))
}

/// An empty environment.
fn environment(name: &str) -> Result<PathBuf> {
    let folder = target().join("python").join(name);
    run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder))
        .context("no Python environment could be made; Debian's package is python3-venv")?;
    Ok(folder)
}

fn tool(environment: &Path, name: &str) -> Command {
    let mut command = Command::new(environment.join("bin").join(name));
    // Those that look for other tools find the ones beside them.
    let path = std::env::var_os("PATH").unwrap_or_default();
    let paths = std::iter::once(environment.join("bin")).chain(std::env::split_paths(&path));
    if let Ok(path) = std::env::join_paths(paths) {
        command.env("PATH", path);
    }
    command.env("VIRTUAL_ENV", environment);
    command
}
