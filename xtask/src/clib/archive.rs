//! How the libraries are built.
//!
//! An archive that holds a Rust crate holds the standard library too, with symbols that another
//! such archive in the same program has as well. So all objects are linked into one, of which only
//! the functions of the header are seen from outside.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use object::{Object, ObjectSymbol};

use super::Library;
use crate::run::{cargo, run, target};

/// How a library is built.
#[derive(Clone, Debug)]
pub(crate) struct Build {
    /// The profile of cargo.
    pub(crate) profile: String,
    /// More arguments of cargo: features, a target.
    pub(crate) arguments: Vec<String>,
    /// Where cargo puts it, where that is not the usual folder.
    pub(crate) folder: Option<PathBuf>,
    /// What is set for the compiler: flags, capacities.
    pub(crate) environment: Vec<(String, String)>,
    /// The target, where it is not this machine's.
    pub(crate) target: Option<String>,
}

impl Build {
    /// A build of this profile, as it is used.
    pub(crate) fn of(profile: &str) -> Build {
        Build {
            profile: profile.to_owned(),
            arguments: Vec::new(),
            folder: None,
            environment: Vec::new(),
            target: None,
        }
    }

    fn cargo(&self, library: &Library, kind: &str) -> Command {
        let mut rustc = cargo(&["rustc", "--locked", "--lib", "-p", library.package]);
        rustc.args(["--crate-type", kind, "--profile", &self.profile]).args(&self.arguments);
        if let Some(folder) = &self.folder {
            rustc.arg("--target-dir").arg(folder);
        }
        if let Some(target) = &self.target {
            rustc.args(["--target", target]);
        }
        rustc.envs(self.environment.iter().map(|(name, value)| (name, value)));
        rustc
    }

    /// Where cargo puts what it built.
    fn products(&self) -> PathBuf {
        let folder = self.folder.clone().unwrap_or_else(target);
        let folder = self.target.as_ref().map_or(folder.clone(), |target| folder.join(target));
        let profile = if self.profile == "dev" { "debug" } else { &self.profile };
        folder.join(profile)
    }
}

/// Builds the static library of one object, in which only its functions are global, as
/// `folder/libNAME.a`; gives its path.
pub(crate) fn build_static(library: &Library, build: &Build, folder: &Path) -> Result<PathBuf> {
    run(&mut build.cargo(library, "staticlib"))?;
    let archive = build.products().join(format!("lib{}.a", library.crate_name()));
    fs::create_dir_all(folder)?;
    let object = folder.join(format!("{}.o", library.name));
    let functions = library.functions()?;
    let mut keep = functions.clone();
    keep.extend(build.target_symbols());
    link_into_one(&archive, &keep, &object)?;
    check_symbols(&object, &keep)?;
    let path = folder.join(format!("lib{}.a", library.name));
    let _ = fs::remove_file(&path);
    run(tool("AR", "ar").arg("rcsD").arg(&path).arg(&object))?;
    fs::remove_file(&object)?;
    Ok(path)
}

/// Builds a static library as cargo leaves it, with whatever functions it has.
pub(crate) fn build_static_for_tests(library: &Library, build: &Build) -> Result<PathBuf> {
    run(&mut build.cargo(library, "staticlib"))?;
    Ok(build.products().join(format!("lib{}.a", library.crate_name())))
}

impl Build {
    /// What a build has global besides functions.
    fn target_symbols(&self) -> Option<String> {
        (self.profile == "firmware").then(|| super::firmware::LAYOUT.to_owned())
    }
}

/// Links what the functions need of an archive into one object, in which nothing else is global.
fn link_into_one(archive: &Path, keep: &[String], object: &Path) -> Result<()> {
    let list = object.with_extension("symbols");
    fs::write(&list, keep.join("\n"))?;
    let roots = object.with_extension("roots");
    fs::write(&roots, keep.iter().map(|symbol| format!("-u {symbol}\n")).collect::<String>())?;
    let mut link = tool("LD", "ld");
    link.args(["-r", "--gc-sections"]).arg(format!("@{}", roots.display()));
    run(link.arg(archive).arg("-o").arg(object))?;
    fs::remove_file(&roots)?;
    let mut trim = tool("OBJCOPY", "objcopy");
    // The compiler's own form of the standard library is in its objects, and takes most of them.
    trim.args(["--strip-debug", "--strip-unneeded", "-R", ".llvmbc", "-R", ".llvmcmd"]);
    // A program without a C library has the one, and means the same by it.
    trim.args(["--redefine-sym", "bcmp=memcmp"]);
    trim.arg(format!("--keep-global-symbols={}", list.display()));
    run(trim.arg(object))?;
    fs::remove_file(&list)?;
    Ok(())
}

/// A tool of the system, where the environment names no other: of another machine, say.
pub(crate) fn tool(variable: &str, name: &str) -> Command {
    Command::new(std::env::var(variable).unwrap_or_else(|_none| name.to_owned()))
}

/// Whether an object has these symbols global, and no others.
fn check_symbols(object: &Path, keep: &[String]) -> Result<()> {
    let (mut there, _) = symbols(object)?;
    there.sort_unstable();
    let mut keep = keep.to_vec();
    keep.sort_unstable();
    ensure!(there == keep, "the library does not give what its header says: {there:?}");
    Ok(())
}

/// The names of what an object or a shared library gives, and of what it needs.
pub(crate) fn symbols(path: &Path) -> Result<(Vec<String>, Vec<String>)> {
    let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let file = object::File::parse(&*bytes).context("an object cannot be read")?;
    let is_shared = file.kind() == object::ObjectKind::Dynamic;
    let table: Vec<_> = match is_shared {
        true => file.dynamic_symbols().collect(),
        false => file.symbols().collect(),
    };
    let name = |symbol: &object::Symbol<'_, '_>| symbol.name().unwrap_or_default().to_owned();
    let given = table.iter().filter(|symbol| symbol.is_global() && !symbol.is_undefined());
    let needed = table.iter().filter(|symbol| symbol.is_undefined());
    Ok((given.map(name).collect(), needed.map(name).filter(|name| !name.is_empty()).collect()))
}

/// Builds the shared library with its soname; gives its path.
pub(crate) fn build_shared(library: &Library, build: &Build) -> Result<PathBuf> {
    let mut rustc = build.cargo(library, "cdylib");
    rustc.args(["--", "-C", &format!("link-arg=-Wl,-soname,{}", library.soname())]);
    run(&mut rustc)?;
    Ok(build.products().join(format!("lib{}.so", library.crate_name())))
}

/// The libraries of the system that a program needs beside a static one, as flags of the linker.
pub(crate) fn system_libraries(library: &Library, build: &Build) -> Result<String> {
    let mut rustc = build.cargo(library, "staticlib");
    rustc.args(["--", "--print", "native-static-libs"]);
    rustc.stderr(std::process::Stdio::piped());
    let printed = read_stderr(&mut rustc)?;
    let marked = printed.lines().find_map(|line| line.split_once("native-static-libs: "));
    let (_, flags) = marked.context("the compiler does not say what a static library needs")?;
    Ok(flags.trim().to_owned())
}

/// What a command printed for people.
fn read_stderr(command: &mut Command) -> Result<String> {
    let output = command.current_dir(crate::run::root()).output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8_lossy(&output.stderr).into_owned())
}

/// The version of the workspace.
pub(crate) fn version() -> Result<String> {
    let manifest = fs::read_to_string(crate::run::root().join("Cargo.toml"))?;
    let line = manifest.lines().find_map(|line| line.strip_prefix("version = \""));
    Ok(line.context("the workspace has a version")?.trim_end_matches('"').to_owned())
}
