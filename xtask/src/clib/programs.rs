//! How C programs are compiled and run by the tests.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use super::archive::tool;
use crate::run::{root, run};

/// Warnings that would be errors in a careful program.
const STRICT: [&str; 5] = ["-pedantic", "-Wall", "-Wextra", "-Werror", "-Wstrict-prototypes"];

/// A way to compile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// C of that standard.
    C(&'static str),
    /// C of 1999, watched for bad memory accesses and undefined behaviour.
    Sanitized,
    /// C++ of 2017.
    Cpp,
}

/// Compiles C sources of the repository into a program at `program`, with what it is linked to.
pub(crate) fn compile(
    way: Way,
    sources: &[&str],
    include: &Path,
    linked: &[String],
    program: &Path,
) -> Result<()> {
    let mut cc = match way {
        Way::Cpp => tool("CXX", "c++"),
        _ => tool("CC", "cc"),
    };
    match way {
        Way::C(standard) => {
            cc.arg(format!("-std={standard}")).args(STRICT);
        }
        Way::Sanitized => {
            cc.arg("-std=c99").args(STRICT).args([
                "-fsanitize=address,undefined",
                "-fno-sanitize-recover=all",
                "-fno-omit-frame-pointer",
            ]);
        }
        // It has no prototypes that are not strict.
        Way::Cpp => {
            cc.args(["-x", "c++", "-std=c++17"]).args(&STRICT[..4]);
        }
    }
    // What is beyond the standard is asked for: sockets, clocks.
    cc.args(["-g", "-D_POSIX_C_SOURCE=200809L"]).arg(format!("-I{}", include.display()));
    cc.args(sources.iter().map(|source| root().join(source)));
    if way == Way::Cpp {
        cc.args(["-x", "none"]);
    }
    run(cc.args(linked).arg("-o").arg(program))
}

/// The flags that link a program to a static library, and to what that needs.
pub(crate) fn linked_to(archive: &Path, system: &str) -> Vec<String> {
    let mut flags = vec![archive.display().to_string()];
    flags.extend(system.split_whitespace().map(str::to_owned));
    flags
}

/// Runs a program in memory that is watched: a leak of these kinds, or a read of what was never
/// written, is an error.
pub(crate) fn run_in_valgrind(program: &Path, arguments: &[&str], leaks: &str) -> Result<()> {
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--quiet", "--error-exitcode=99", "--leak-check=full"]);
    valgrind.arg(format!("--errors-for-leak-kinds={leaks}")).arg("--fair-sched=yes");
    valgrind.arg(format!("--show-leak-kinds={leaks}"));
    run(valgrind.arg(program).args(arguments))
}

/// Where programs are put.
pub(crate) fn folder() -> PathBuf {
    crate::run::target().join("c")
}

/// A folder without anything in it.
pub(crate) fn empty(folder: &Path) -> Result<PathBuf> {
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    fs::create_dir_all(folder)?;
    Ok(folder.to_owned())
}
