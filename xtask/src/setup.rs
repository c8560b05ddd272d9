//! What the tests need beyond a Rust toolchain.
//!
//! Tools of ours go under `target/tools`, in fixed versions, and touch nothing else. Packages of
//! the system are its owner's business: they are installed only on request.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::run;

/// Programs that builds, tests and the README's commands call, and the Debian packages that hold
/// them.
const SYSTEM_PROGRAMS: [(&str, &str); 11] = [
    ("cc", "gcc"),
    ("c++", "g++"),
    ("ld", "binutils"),
    ("objcopy", "binutils"),
    ("pkg-config", "pkg-config"),
    ("valgrind", "valgrind"),
    ("curl", "curl"),
    ("awk", "mawk"),
    ("ip", "iproute2"),
    ("python3", "python3-venv"),
    ("promtool", "prometheus"),
];
/// Where programs of administrators are, which the path of others may leave out.
const ADMIN_DIRS: [&str; 2] = ["/usr/sbin", "/sbin"];

/// Where Go is, if it is not on the path.
const GO_DIR: &str = "/usr/local/go/bin";

/// The Go module that needs the newest Go.
const GO_MODULE: &str = "go/libp2padapter/go.mod";

/// The version of cargo-deny that `deny.toml` is written for.
const CARGO_DENY_VERSION: &str = "0.20.2";

/// The Python packages of the suite `api`, in fixed versions.
const API_REQUIREMENTS: &str = "xtask/api-requirements.txt";

/// The Python packages of the suite `python`, in fixed versions.
const PYTHON_REQUIREMENTS: &str = "xtask/python-requirements.txt";
/// Inside their environment: a copy of that file, from when all of it was installed.
const PYTHON_INSTALLED: &str = "installed.txt";

/// The `setup` command; says whether nothing is missing now.
pub(crate) fn run(yes: bool) -> Result<bool> {
    let missing = prepare(yes);
    if missing.is_empty() {
        println!("setup: nothing is missing");
    }
    Ok(missing.is_empty())
}

/// Installs what is missing; what still is afterwards has been said, and is returned.
pub(crate) fn prepare(yes: bool) -> Vec<String> {
    let steps = [
        system_packages(yes || run::in_ci()),
        install_cargo_deny(),
        install_schemathesis(),
        go().map(drop),
        install_python_tools(),
    ];
    let missing = steps.into_iter().filter_map(Result::err).map(|error| format!("{error:#}"));
    missing.inspect(|error| eprintln!("!!! setup: {error}")).collect()
}

/// The pinned cargo-deny, if it is installed.
pub(crate) fn cargo_deny() -> Option<PathBuf> {
    let path = tools().join("bin").join("cargo-deny");
    let version = run::output(Command::new(&path).arg("--version"))?;
    (version.split_whitespace().last() == Some(CARGO_DENY_VERSION)).then_some(path)
}

/// The pinned schemathesis, if it is installed.
pub(crate) fn schemathesis() -> Option<PathBuf> {
    let wanted = fs::read_to_string(run::root().join(API_REQUIREMENTS)).ok()?;
    let wanted = wanted.lines().find_map(|line| line.strip_prefix("schemathesis=="))?;
    let path = tools().join("schemathesis/bin/schemathesis");
    let version = run::output(Command::new(&path).arg("--version"))?;
    (version.split_whitespace().last() == Some(wanted)).then_some(path)
}

/// The promtool of the system, if it is installed.
pub(crate) fn promtool() -> Option<&'static str> {
    is_installed("promtool").then_some("promtool")
}

/// The go command of the system, if it is new enough. Nobody else's is fetched: a Go toolchain is
/// its owner's business, and packages of distributions are older than what libp2p needs.
pub(crate) fn go() -> Result<PathBuf> {
    let module = fs::read_to_string(run::root().join(GO_MODULE)).unwrap_or_default();
    let wanted = module.lines().find_map(|line| line.strip_prefix("go ")).unwrap_or_default();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let places = std::env::split_paths(&path).chain([PathBuf::from(GO_DIR)]);
    let found: Vec<(PathBuf, String)> = places
        .map(|place| place.join("go"))
        .filter(|go| go.is_file())
        .filter_map(|go| Some((go.clone(), version_of_go(&go)?)))
        .collect();
    let fits = |version: &str| numbers(version) >= numbers(wanted);
    if let Some((go, _)) = found.iter().find(|(_, version)| fits(version)) {
        return Ok(go.clone());
    }
    let there: Vec<String> =
        found.iter().map(|(go, version)| format!("{} is {version}", go.display())).collect();
    let there = if there.is_empty() { "there is none".to_owned() } else { there.join(", ") };
    bail!("the suite 'go' needs Go {wanted} or newer, on the path or in {GO_DIR}: {there}");
}

/// The version of a go command.
fn version_of_go(go: &Path) -> Option<String> {
    let version =
        run::output(Command::new(go).args(["env", "GOVERSION"]).env("GOTOOLCHAIN", "local"))?;
    Some(version.trim().trim_start_matches("go").to_owned())
}

/// The numbers of a version; what stands behind the last of them does not count.
fn numbers(version: &str) -> Vec<u32> {
    let leading = |part: &str| {
        let end = part.find(|c: char| !c.is_ascii_digit()).unwrap_or(part.len());
        part[..end].parse().ok()
    };
    version.split('.').map_while(leading).collect()
}

/// The first of these programs that is not there.
pub(crate) fn missing_of<'a>(programs: &[&'a str]) -> Option<&'a str> {
    programs.iter().copied().find(|program| !is_installed(program))
}

/// The environment with the packages of the suite `python`, if all of them are installed.
pub(crate) fn python_tools() -> Option<PathBuf> {
    let folder = tools().join("python");
    let wanted = fs::read(run::root().join(PYTHON_REQUIREMENTS)).ok()?;
    (fs::read(folder.join(PYTHON_INSTALLED)).ok()? == wanted).then_some(folder)
}

fn install_schemathesis() -> Result<()> {
    if schemathesis().is_some() {
        return Ok(());
    }
    println!("setup: installing schemathesis (once, half a minute)");
    install_python_packages("schemathesis", API_REQUIREMENTS)
}

fn install_python_tools() -> Result<()> {
    if python_tools().is_some() {
        return Ok(());
    }
    println!("setup: installing what the Python package is built and tested with (once, a minute)");
    install_python_packages("python", PYTHON_REQUIREMENTS)?;
    let wanted = run::root().join(PYTHON_REQUIREMENTS);
    fs::copy(wanted, tools().join("python").join(PYTHON_INSTALLED)).context("cannot note it")?;
    Ok(())
}

/// Into an environment of its own: nothing else on the machine sees these packages.
fn install_python_packages(name: &str, requirements: &str) -> Result<()> {
    if !is_installed("python3") {
        bail!("{name} needs python3");
    }
    let dir = tools().join(name);
    run::run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&dir))
        .context("no Python environment could be made; Debian's package is python3-venv")?;
    let mut install = Command::new(dir.join("bin/pip"));
    install.args(["install", "--quiet", "--disable-pip-version-check", "--requirement"]);
    run::run(install.arg(requirements)).with_context(|| format!("{name} could not be installed"))
}

fn tools() -> PathBuf {
    run::target().join("tools")
}

fn install_cargo_deny() -> Result<()> {
    if cargo_deny().is_some() {
        return Ok(());
    }
    println!("setup: installing cargo-deny {CARGO_DENY_VERSION} (once, one to two minutes)");
    // Its release profile optimises across all crates, which takes many times longer to build
    // than the tool then saves; it has no work to do here that takes more than seconds.
    let build = tools().join("build");
    let mut install = run::cargo(&["install", "--locked", "--debug", "--force", "--quiet"]);
    install.args(["cargo-deny", "--version", CARGO_DENY_VERSION]);
    install.arg("--root").arg(tools()).arg("--target-dir").arg(&build);
    install.env("CARGO_PROFILE_DEV_DEBUG", "0");
    let installed = run::run(&mut install).context("cargo-deny could not be installed");
    // Half a gigabyte that nothing uses again. There is none if the download failed.
    if build.exists() {
        fs::remove_dir_all(&build).with_context(|| format!("cannot remove {}", build.display()))?;
    }
    installed
}

fn system_packages(install: bool) -> Result<()> {
    let packages = packages_of(&SYSTEM_PROGRAMS, is_installed);
    if packages.is_empty() {
        println!("setup: no system package is needed");
        return Ok(());
    }
    let mut line = install_line(&packages, is_root());
    if !install {
        bail!("system packages are missing; type: {line}  (or: cargo xtask setup --yes)");
    }
    if !is_installed("apt-get") {
        bail!("install these with your package manager: {}", packages.join(" "));
    }
    line.insert_str(0, "export DEBIAN_FRONTEND=noninteractive; ");
    run::run(Command::new("sh").arg("-c").arg(line))
}

/// The packages of those programs that are not there.
fn packages_of<'a>(
    programs: &[(&str, &'a str)],
    is_installed: impl Fn(&str) -> bool,
) -> Vec<&'a str> {
    let missing = programs.iter().filter(|(program, _)| !is_installed(program));
    let mut packages: Vec<&str> = missing.map(|(_, package)| *package).collect();
    packages.dedup();
    packages
}

fn install_line(packages: &[&str], is_root: bool) -> String {
    let sudo = if is_root { "" } else { "sudo " };
    let packages = packages.join(" ");
    format!("{sudo}apt-get update && {sudo}apt-get install --yes {packages}")
}

fn is_installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut dirs = std::env::split_paths(&path).chain(ADMIN_DIRS.map(PathBuf::from));
    dirs.any(|directory| directory.join(program).is_file())
}

fn is_root() -> bool {
    run::output(Command::new("id").arg("-u")).is_some_and(|id| id.trim() == "0")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_are_those_of_missing_programs() {
        let programs = [("cc", "gcc"), ("go", "golang"), ("make", "make")];
        assert_eq!(packages_of(&programs, |program| program == "go"), ["gcc", "make"]);
        assert_eq!(packages_of(&programs, |_| true), Vec::<&str>::new());
    }

    #[test]
    fn the_line_to_type_is_complete() {
        assert_eq!(
            install_line(&["gcc", "make"], false),
            "sudo apt-get update && sudo apt-get install --yes gcc make"
        );
        assert_eq!(install_line(&["gcc"], true), "apt-get update && apt-get install --yes gcc");
    }

    #[test]
    fn versions_are_compared_by_their_numbers() {
        assert!(numbers("1.26.10") > numbers("1.26.6") && numbers("1.26") < numbers("1.26.6"));
        assert!(numbers("1.27rc1") > numbers("1.26.6"));
        assert!(numbers("") < numbers("1.26.6"));
    }

    #[test]
    fn programs_are_looked_for_on_the_path() {
        assert!(is_installed("sh"));
        assert!(!is_installed("no-such-program-here"));
    }
}
