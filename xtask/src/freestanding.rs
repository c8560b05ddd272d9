//! The program that has neither std nor an allocator: built, run, and looked into.
//!
//! It proves more than that the core compiles without std. Nothing is linked into it but what it
//! brings, it runs the whole life of a roll, and what it takes is measured on the way.

use std::fs;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use object::{Object, ObjectSection, ObjectSymbol, SectionKind};

use crate::footprint;
use crate::report::Outcome;
use crate::run::{self, cargo, run, target};

/// Where it is.
pub(crate) const MANIFEST: &str = "tests/freestanding/Cargo.toml";
const CONFIG: &str = "tests/freestanding/.cargo/config.toml";
/// What it makes the calls of the kernel of.
const TARGET: &str = "x86_64-unknown-linux-gnu";
/// The sets of features that it is built with.
pub(crate) const FEATURES: [&[&str]; 2] = [&["--features", "secp256k1"], &[]];
/// How the names of its trackers in statics begin.
const TRACKER_PREFIX: &str = "TRACKER_";

/// What a C library, a Rust allocator and their users are known by, as parts of a symbol's name.
const FORBIDDEN_PARTS: [&str; 9] = [
    "malloc",
    "calloc",
    "realloc",
    "memalign",
    "pthread",
    "printf",
    "__rust_alloc",
    "__rust_dealloc",
    "__rust_no_alloc",
];
/// The same as whole names: they are parts of harmless ones.
const FORBIDDEN_NAMES: [&str; 4] = ["free", "cfree", "__libc_free", "__free"];
/// The crates that allocate, as the two manglings of Rust write them.
const FORBIDDEN_CRATES: [&str; 3] = ["_ZN5alloc", "_ZN3std", "_5alloc"];

/// Why the program cannot be built and run on this machine, if so.
pub(crate) fn unsupported() -> Option<String> {
    let is_supported = cfg!(all(target_os = "linux", target_arch = "x86_64"));
    (!is_supported).then(|| format!("it is written for {TARGET}"))
}

/// The suite.
pub(crate) fn suite() -> Result<Outcome> {
    if let Some(why) = unsupported() {
        return Ok(Outcome::Skipped(why));
    }
    let measured = footprint::measure()?;
    cross_build()?;
    let differences = footprint::differences(&measured)?;
    if !differences.is_empty() {
        let list = differences.join("\n  ");
        return Ok(Outcome::Failed(format!(
            "{} is not true any more; if that is meant: cargo xtask footprint --write\n  {list}",
            footprint::PAGE
        )));
    }
    Ok(Outcome::Passed)
}

/// A cargo command on the program: in its own workspace, with its own configuration, whatever the
/// environment says.
pub(crate) fn cargo_on_it(command: &str) -> Command {
    let mut cargo = cargo(&[command, "--locked", "--manifest-path", MANIFEST, "--config", CONFIG]);
    cargo.args(["--target", TARGET, "--target-dir"]).arg(target().join("freestanding"));
    for name in ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO_BUILD_RUSTFLAGS"] {
        cargo.env_remove(name);
    }
    cargo
}

/// What the program printed, and what it is made of.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) printed: String,
    pub(crate) image: Image,
}

/// The sizes of the parts of a program, in bytes.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Image {
    /// Instructions.
    pub(crate) text: u64,
    /// Constants.
    pub(crate) constants: u64,
    /// Variables that do not begin as zeros, so they are in the image too.
    pub(crate) data: u64,
    /// The trackers.
    pub(crate) trackers: Vec<u64>,
}

/// Builds the program with these features, looks into it and runs it.
pub(crate) fn build_and_run(features: &[&str]) -> Result<Ran> {
    run(cargo_on_it("build").arg("--release").args(features))?;
    let folder = target().join("freestanding").join(TARGET).join("release");
    let path = folder.join("rollbook-freestanding");
    let bytes = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let image = inspect(&bytes)?;
    let printed = run::read(Command::new(&path).stderr(Stdio::inherit()))?;
    Ok(Ran { printed, image })
}

/// Checks that a program needs nothing from outside, holds no allocator, and has its trackers
/// where no image is needed for them.
fn inspect(bytes: &[u8]) -> Result<Image> {
    let file = object::File::parse(bytes).context("the program cannot be read")?;
    let found = forbidden_symbols(&file);
    ensure!(found.is_empty(), "the program holds what allocates or prints: {}", found.join(", "));
    for section in [".interp", ".dynamic"] {
        ensure!(file.section_by_name(section).is_none(), "the program is not static: {section}");
    }
    let mut image = Image::default();
    for section in file.sections() {
        match section.name().unwrap_or_default() {
            ".text" => image.text += section.size(),
            // The last two are constants that hold addresses.
            ".rodata" | ".data.rel.ro" | ".got" => image.constants += section.size(),
            ".data" => image.data += section.size(),
            _ => {}
        }
    }
    for symbol in file.symbols() {
        let name = symbol.name().unwrap_or_default();
        ensure!(!symbol.is_undefined() || name.is_empty(), "{name} is missing from the program");
        if name.starts_with(TRACKER_PREFIX) {
            let section = symbol.section_index().context("a static is in a section")?;
            let kind = file.section_by_index(section)?.kind();
            if kind != SectionKind::UninitializedData {
                bail!("{name} is not in .bss: an empty tracker is not all zeros");
            }
            image.trackers.push(symbol.size());
        }
    }
    ensure!(!image.trackers.is_empty(), "the program has no tracker in a static");
    Ok(image)
}

/// The names of all symbols that have no place in a program without an allocator.
fn forbidden_symbols<'a>(file: &object::File<'a>) -> Vec<&'a str> {
    let names = file.symbols().filter_map(|symbol| symbol.name().ok());
    names.filter(|name| is_forbidden(name)).collect()
}

fn is_forbidden(name: &str) -> bool {
    FORBIDDEN_NAMES.contains(&name)
        || FORBIDDEN_PARTS.iter().any(|part| name.contains(part))
        || FORBIDDEN_CRATES.iter().any(|part| name.contains(part))
}

/// Builds the core for each installed target without an operating system. Where there is none that
/// is said and is no failure, in CI neither: the machine that runs CI has one target and cannot
/// get another. What such a target would show beyond the program above is its own code size.
fn cross_build() -> Result<()> {
    let targets = bare_metal_targets();
    if targets.is_empty() {
        println!(
            "!!! no bare-metal target is installed: the core is not cross-built\n\
             !!! (rustup target add thumbv7em-none-eabi)"
        );
    }
    for target in targets {
        let mut build = cargo(&["build", "--locked", "--release", "-p", "rollbook-core", "--lib"]);
        build.args(["--no-default-features", "--features", "secp256k1", "--target", &target]);
        run(&mut build)?;
    }
    Ok(())
}

/// The targets whose libraries are installed beside the compiler and that have no system.
fn bare_metal_targets() -> Vec<String> {
    let sysroot = run::output(Command::new("rustc").args(["--print", "sysroot"]));
    let libraries = sysroot.map(|path| format!("{}/lib/rustlib", path.trim_end()));
    let entries = libraries.and_then(|path| fs::read_dir(path).ok()).into_iter().flatten();
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    names.filter(|name| is_bare_metal(name)).collect()
}

fn is_bare_metal(target: &str) -> bool {
    target.split('-').any(|part| part == "none")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use toml::Table;

    use super::*;
    use crate::run::root;

    #[test]
    fn allocators_are_known_by_their_symbols() {
        for name in [
            "malloc",
            "__libc_malloc",
            "realloc",
            "free",
            "pthread_create",
            "snprintf",
            "__rust_alloc",
            "_RNvCs1234_7___rustc12___rust_alloc",
            "_ZN5alloc7raw_vec17capacity_overflow17h00E",
            "_RNvNtCs1_5alloc7raw_vec17capacity_overflow",
        ] {
            assert!(is_forbidden(name), "{name}");
        }
        for name in ["", "memcpy", "_ZN21rollbook_freestanding4main17h00E", "_ZN4core3fmt5write"] {
            assert!(!is_forbidden(name), "{name}");
        }
    }

    #[test]
    fn a_program_with_std_is_found_out() {
        let path = std::env::current_exe().expect("this test is a program");
        let bytes = fs::read(path).expect("it can be read");
        let error = inspect(&bytes).expect_err("it has an allocator").to_string();
        assert!(error.contains("malloc"), "{}", &error[..error.len().min(200)]);
    }

    #[test]
    fn bare_metal_targets_have_no_system() {
        for target in ["thumbv7em-none-eabi", "riscv32imc-unknown-none-elf", "x86_64-unknown-none"]
        {
            assert!(is_bare_metal(target), "{target}");
        }
        for target in ["x86_64-unknown-linux-gnu", "etc", "wasm32-unknown-unknown"] {
            assert!(!is_bare_metal(target), "{target}");
        }
    }

    /// What is proved of one version of a dependency is not proved of another.
    #[test]
    fn the_program_is_built_of_what_the_workspace_is_built_of() {
        let packages = |path: &str| -> BTreeSet<(String, String)> {
            let text = fs::read_to_string(root().join(path)).expect("the lock file can be read");
            let lock: Table = text.parse().expect("the lock file is TOML");
            let packages = lock["package"].as_array().expect("a list of packages");
            let text = |package: &toml::Value, key: &str| {
                package[key].as_str().expect("a package has a name and a version").to_owned()
            };
            packages
                .iter()
                .map(|package| (text(package, "name"), text(package, "version")))
                .collect()
        };
        let mut own = packages("tests/freestanding/Cargo.lock");
        own.retain(|(name, _)| name != "rollbook-freestanding");
        let shared = packages("Cargo.lock");
        assert!(own.len() > 20);
        assert_eq!(own.difference(&shared).collect::<Vec<_>>(), Vec::<&(String, String)>::new());
    }
}
