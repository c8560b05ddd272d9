//! The tests of the Go modules.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use super::{ADAPTER, PACK, TRACKER, bench, dist, go, library};
use crate::header;
use crate::report::Outcome;
use crate::run::{cargo, read, root, run, target};
use crate::setup;

/// A test that hangs says where after this, in Go's notation.
const TIMEOUT: &str = "-timeout=6m";

/// What the programs of a Rust toolchain are called.
const RUST: [&str; 3] = ["cargo", "rustc", "rustup"];

pub(crate) fn suite() -> Result<Outcome> {
    if let Err(missing) = setup::go() {
        return Ok(Outcome::Skipped(format!("{missing:#}")));
    }
    if let Some(missing) = setup::missing_of(&["cc", "ld", "objcopy", "ar", "pkg-config"]) {
        return Ok(Outcome::Skipped(format!("{missing} is missing: cargo xtask setup --yes")));
    }
    if let Outcome::Failed(why) = header::compare()? {
        return Ok(Outcome::Failed(why));
    }
    library::build()?;
    look()?;
    let mut counts = Counts::default();
    tracker(&mut counts)?;
    run(&mut cargo(&["build", "--locked", "-p", "rollbook-node"]))?;
    let example = without_rust()?;
    adapter(&example, &mut counts)?;
    bench::short()?;
    println!("{} passed, 0 failed", counts.passed);
    Ok(Outcome::Passed)
}

/// Formatting, and what `go vet` finds.
fn look() -> Result<()> {
    let gofmt = setup::go()?.with_file_name("gofmt");
    let unformatted = read(Command::new(gofmt).args(["-l", "go"]))?;
    ensure!(unformatted.trim().is_empty(), "not formatted: {unformatted}");
    for folder in [TRACKER.folder, ADAPTER.folder, PACK] {
        run(go(root().join(folder)).args(["vet", "./..."]))?;
    }
    run(go(TRACKER.root()).args(["vet", "-tags=rollbook_gcstress", "./..."]))
}

/// What ran.
#[derive(Debug, Default)]
struct Counts {
    passed: usize,
}

impl Counts {
    /// Runs tests. What is left out counts as failed: all that they need is there.
    fn test(&mut self, test: &mut Command) -> Result<()> {
        let printed = read(test.arg("./..."))?;
        let count =
            |mark: &str| printed.lines().filter(|line| line.trim_start().starts_with(mark)).count();
        ensure!(count("--- SKIP") == 0, "a test was left out");
        self.passed += count("--- PASS");
        Ok(())
    }
}

/// The tracker's tests: with the race detector, with watched memory and leaks, and with a collection
/// of garbage before each call to C.
fn tracker(counts: &mut Counts) -> Result<()> {
    let test = |arguments: &[&str]| {
        let mut test = go(TRACKER.root());
        test.args(["test", "-v", "-count=1", TIMEOUT]).args(arguments);
        test
    };
    counts.test(&mut test(&["-race"]))?;
    // Programs of users are built once.
    counts.test(
        test(&["-asan", "-skip=Build|Vendored|ABI|PkgConfig"]).env("GODEBUG", "checkfinalizers=1"),
    )?;
    let mut stress = test(&["-tags=rollbook_gcstress", "-run=Trackers|Decisions|Journal|Errors"]);
    counts.test(stress.env("GOGC", "1"))
}

/// The adapter's tests, real hosts and standalone nodes in processes of their own among them.
fn adapter(example: &Path, counts: &mut Counts) -> Result<()> {
    let mut test = go(ADAPTER.root());
    test.args(["test", "-v", "-race", "-count=1", TIMEOUT]);
    test.env("ROLLBOOK_BIN", target().join("debug/rollbook")).env("ROLLBOOK_EXAMPLE", example);
    counts.test(&mut test)
}

/// Two programs, built as those do who have the modules and no Rust; gives the second, a node.
fn without_rust() -> Result<PathBuf> {
    let proxy = dist::pack()?;
    let path = path_without_rust()?;
    let folder = target().join("go/user");
    let modules = target().join("go/modules");
    // What is in the cache of modules stays there for good, and this version is not for good.
    if modules.exists() {
        run(Command::new("chmod").args(["-R", "u+w"]).arg(&modules))?;
        fs::remove_dir_all(&modules)?;
    }
    // What the modules need from others was fetched when they were tested; from there, it is not
    // fetched again.
    let known = read(go(root()).args(["env", "GOMODCACHE"]))?;
    let others = read(go(root()).args(["env", "GOPROXY"]))?;
    let proxies = format!(
        "file://{},file://{}/cache/download,{}",
        proxy.display(),
        known.trim(),
        others.trim()
    );
    let user = |name: &str, program: &str, module: &super::Module| -> Result<PathBuf> {
        let folder = folder.join(name);
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        fs::create_dir_all(&folder)?;
        fs::copy(module.root().join(program), folder.join("main.go"))?;
        let step = |arguments: &[&str]| {
            let mut step = go(&folder);
            step.args(arguments);
            step.env("PATH", &path).env("GOPROXY", &proxies).env("GOMODCACHE", &modules);
            // Nobody has the sums of what was made just now; those of the others were compared when they
            // were fetched.
            step.env("GOSUMDB", "off");
            // What files a version of a module has, Go remembers by the folder.
            run(step.env("GODEBUG", "goindex=0"))
        };
        step(&["mod", "init", "user"])?;
        step(&["get", &format!("{}@{}", module.path, dist::version()?)])?;
        step(&["mod", "tidy"])?;
        step(&["build", "-o", "program", "."])?;
        Ok(folder.join("program"))
    };
    let first = user("inproc", "examples/inproc/main.go", &TRACKER)?;
    let printed = read(&mut Command::new(first))?;
    ensure!(printed.contains("admitted online member"), "{printed}");
    user("embed", "examples/embed/after/main.go", &ADAPTER)
}

/// A path on which all programs are that are on this one, but those of Rust.
fn path_without_rust() -> Result<OsString> {
    let links = target().join("go/path");
    if links.exists() {
        fs::remove_dir_all(&links)?;
    }
    fs::create_dir_all(&links)?;
    let path = std::env::var_os("PATH").unwrap_or_default();
    for folder in std::env::split_paths(&path) {
        let is_of_rust = RUST.iter().any(|program| folder.join(program).exists());
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        // Of a folder that has both, a compiler for C is needed.
        for entry in entries {
            let entry = entry?;
            let name = entry.file_name();
            let is_left_out = is_of_rust && RUST.iter().any(|program| name == *program);
            // The first one on the path counts.
            if !is_left_out && !links.join(&name).exists() {
                let _ = symlink(entry.path(), links.join(&name));
            }
        }
    }
    for program in RUST {
        if links.join(program).exists() {
            bail!("{program} is still on the path");
        }
    }
    let go = setup::go()?;
    let toolchain = go.parent().context("a program is in a folder")?;
    Ok(std::env::join_paths([toolchain, &links])?)
}
