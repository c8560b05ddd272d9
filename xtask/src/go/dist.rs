//! `cargo xtask dist go`: the Go modules with the library in them, as a folder that serves as a
//! module proxy. Who has it needs no Rust.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use super::{ADAPTER, Module, PACK, TRACKER, go, library};
use crate::clib;
use crate::run::{read, root, run, target};

/// The command.
pub(crate) fn command() -> Result<()> {
    let proxy = pack()?;
    println!("GOPROXY=file://{},$(go env GOPROXY) GONOSUMDB=rollbook.dev", proxy.display());
    Ok(())
}

/// The version of the modules, as Go writes it.
pub(crate) fn version() -> Result<String> {
    Ok(format!("v{}", clib::version()?))
}

/// Makes the proxy's folder; gives its path.
pub(crate) fn pack() -> Result<PathBuf> {
    library::build()?;
    let version = version()?;
    let proxy = target().join("dist/go");
    if proxy.exists() {
        fs::remove_dir_all(&proxy)?;
    }
    fs::create_dir_all(&proxy)?;
    for module in [&TRACKER, &ADAPTER] {
        let staged = stage(module, &version)?;
        let mut pack = go(root().join(PACK));
        pack.args(["run", ".", "-module", module.path, "-version", &version, "-dir"]);
        run(pack.arg(&staged).arg("-proxy").arg(&proxy))?;
    }
    Ok(proxy)
}

/// Copies a module to where it is packed, as it is when it stands alone.
fn stage(module: &Module, version: &str) -> Result<PathBuf> {
    let staged = target().join("go/stage").join(module.folder);
    if staged.exists() {
        fs::remove_dir_all(&staged)?;
    }
    copy(&module.root(), &staged)?;
    for licence in ["LICENSE-APACHE", "LICENSE-MIT"] {
        fs::copy(root().join(licence), staged.join(licence))?;
    }
    if module.path == ADAPTER.path {
        let mut edit = go(&staged);
        edit.args(["mod", "edit", &format!("-dropreplace={}", TRACKER.path)]);
        run(edit.arg(format!("-require={}@{version}", TRACKER.path)))?;
        let module = read(go(&staged).args(["mod", "edit", "-print"]))?;
        ensure!(!module.contains("replace "), "a module that stands alone replaces nothing");
    }
    Ok(staged)
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from).with_context(|| format!("no {}", from.display()))? {
        let entry = entry?;
        let name = entry.file_name();
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &to.join(name))?;
        } else {
            fs::copy(entry.path(), to.join(name))?;
        }
    }
    Ok(())
}
