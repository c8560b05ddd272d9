//! `cargo xtask firmware`: the tracker's library for a device, without an allocator and a C library.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use object::{Object, ObjectSection, ObjectSymbol};

use super::TRACKER;
use super::archive::{self, Build};
use crate::run::{run, target};

/// What says in the library how much memory a tracker takes.
pub(crate) const LAYOUT: &str = "rollbook_layout";
/// All that the library may need of the program that it is linked into.
const NEEDED: [&str; 5] = ["memcmp", "memcpy", "memmove", "memset", "rollbook_port_panic"];

/// What a library for a device is to have room for.
#[derive(Clone, Debug)]
pub(crate) struct Capacity {
    pub(crate) nodes: u32,
    pub(crate) statement_bytes: u32,
    pub(crate) peers: u32,
    pub(crate) leases: u32,
    pub(crate) secp256k1: bool,
}

impl Capacity {
    /// A member of so many nodes.
    pub(crate) fn of(nodes: u32) -> Capacity {
        Capacity { nodes, statement_bytes: 768, peers: 4, leases: 0, secp256k1: true }
    }
}

impl Capacity {
    /// Whether a device could be a node with it.
    fn check(&self) -> Result<()> {
        let bounds = [
            ("--nodes: itself and its authority, at least", self.nodes, 2, 100_000),
            ("--peers: its home, at least", self.peers, 1, 4_096),
            (
                "--statement-bytes: a usual announcement, at least",
                self.statement_bytes,
                256,
                16_384,
            ),
            ("--leases: no more than nodes", self.leases, 0, self.nodes),
        ];
        for (what, value, least, most) in bounds {
            ensure!(
                (least..=most).contains(&value),
                "{what}: {value} is not within {least} and {most}"
            );
        }
        Ok(())
    }
}

/// A library for a device.
#[derive(Debug)]
pub(crate) struct Firmware {
    /// The folder with `librollbook.a`, `rollbook.h` and `rollbook_layout.h`.
    pub(crate) folder: PathBuf,
    /// The memory of a tracker, in bytes.
    pub(crate) tracker_size: u64,
    /// Instructions and constants, in bytes.
    pub(crate) code_size: u64,
}

/// The command.
pub(crate) fn command(arguments: &[&str]) -> Result<()> {
    if let ["--sizes", rest @ ..] = arguments {
        return print_sizes(rest == ["--write"]);
    }
    let mut capacity = Capacity::of(32);
    let mut folder = None;
    let mut target = None;
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        let mut value = || rest.next().with_context(|| format!("'{argument}' lacks its value"));
        let mut number = || {
            let text = value()?;
            text.parse::<u32>().with_context(|| format!("'{text}' is no number"))
        };
        match *argument {
            "--nodes" => capacity.nodes = number()?,
            "--statement-bytes" => capacity.statement_bytes = number()?,
            "--peers" => capacity.peers = number()?,
            "--leases" => capacity.leases = number()?,
            "--no-secp256k1" => capacity.secp256k1 = false,
            "--target" => target = Some((*value()?).to_owned()),
            "--out" => folder = Some(std::path::absolute(value()?)?),
            _ => bail!("no option '{argument}'; see 'cargo xtask help'"),
        }
    }
    capacity.check()?;
    let folder = folder.context("where to? --out DIR")?;
    let made = build(&capacity, target.as_deref(), &folder)?;
    println!("{}: a tracker of {} bytes", made.folder.display(), made.tracker_size);
    Ok(())
}

/// Where the table of sizes is kept.
const PAGE: &str = "docs/c.md";
const BEGIN: &str = "<!-- What follows is written by: cargo xtask firmware --sizes --write -->";
const END: &str = "<!-- until here -->";

/// What a device's library takes, as a table; on request into the page that has it.
fn print_sizes(write: bool) -> Result<()> {
    let compiler = crate::run::read(std::process::Command::new("rustc").arg("--version"))?;
    let mut table = format!(
        "In bytes, with {}, for x86-64, with 768 bytes of statements for each node and 4 peers. Code \
         is instructions and constants of the whole library; a program that does not call all of \
         it links less (`--gc-sections`).\n\n\
         | nodes | a member's tracker | an authority's tracker | code | code without secp256k1 |\n\
         |---|---:|---:|---:|---:|\n",
        compiler.trim()
    );
    let folder = super::programs::folder().join("sizes");
    for nodes in [32, 128, 512] {
        let member = build(&Capacity::of(nodes), None, &folder)?;
        let authority = Capacity { leases: nodes, ..Capacity::of(nodes) };
        let authority = build(&authority, None, &folder)?;
        let without = Capacity { secp256k1: false, ..Capacity::of(nodes) };
        let without = build(&without, None, &folder)?;
        writeln!(
            table,
            "| {nodes} | {} | {} | {} | {} |",
            member.tracker_size, authority.tracker_size, member.code_size, without.code_size
        )?;
    }
    println!("\n{table}");
    if write {
        crate::page::replace(PAGE, BEGIN, END, table.trim_end())?;
    }
    Ok(())
}

/// Builds a library of this capacity into `folder`.
pub(crate) fn build(capacity: &Capacity, machine: Option<&str>, folder: &Path) -> Result<Firmware> {
    let archive = archive::build_static(&TRACKER, &as_built(capacity, machine), folder)?;
    for header in TRACKER.header_paths() {
        fs::copy(&header, folder.join(header.file_name().expect("a header has a name")))?;
    }
    let object = folder.join("rollbook.o");
    run(archive::tool("AR", "ar").arg("x").arg("--output").arg(folder).arg(&archive))?;
    let (_, needed) = archive::symbols(&object)?;
    let more: Vec<&String> =
        needed.iter().filter(|name| !NEEDED.contains(&name.as_str())).collect();
    ensure!(more.is_empty(), "the library needs what a device does not have: {more:?}");
    let (size, alignment) = layout(&object)?;
    let code_size = code_size(&object)?;
    fs::remove_file(&object)?;
    let mut text = String::from(
        "/* Made with librollbook.a: what a tracker takes there. */\n\
         #ifndef ROLLBOOK_LAYOUT_H\n#define ROLLBOOK_LAYOUT_H\n\n",
    );
    write!(
        text,
        "/** The memory of a tracker, in bytes. */\n#define ROLLBOOK_TRACKER_SIZE {size}\n\n\
         /** Its alignment, in bytes. */\n#define ROLLBOOK_TRACKER_ALIGNMENT {alignment}\n\n#endif\n"
    )?;
    fs::write(folder.join("rollbook_layout.h"), text)?;
    Ok(Firmware { folder: folder.to_owned(), tracker_size: size, code_size })
}

/// How a library of this capacity is built: with the arithmetic that a microcontroller has.
fn as_built(capacity: &Capacity, machine: Option<&str>) -> Build {
    let mut build = Build::of("firmware");
    build.folder = Some(target().join("firmware"));
    build.target = Some(machine.unwrap_or("x86_64-unknown-linux-gnu").to_owned());
    build.arguments = vec!["--no-default-features".to_owned()];
    if capacity.secp256k1 {
        build.arguments.extend(["--features".to_owned(), "secp256k1".to_owned()]);
    }
    let numbers = [
        ("ROLLBOOK_NODES", capacity.nodes),
        ("ROLLBOOK_STATEMENT_BYTES", capacity.statement_bytes),
        ("ROLLBOOK_PEERS", capacity.peers),
        ("ROLLBOOK_LEASES", capacity.leases),
    ];
    build.environment =
        numbers.iter().map(|(name, number)| ((*name).to_owned(), number.to_string())).collect();
    let flags = [
        "--cfg curve25519_dalek_backend=\"serial\"",
        "--cfg sha2_backend=\"soft\"",
        "--cfg keccak_backend=\"soft\"",
    ];
    build.environment.push(("RUSTFLAGS".to_owned(), flags.join(" ")));
    build
}

/// The size and the alignment of a tracker, from where the library says them.
fn layout(path: &Path) -> Result<(u64, u64)> {
    let bytes = fs::read(path)?;
    let file = object::File::parse(&*bytes)?;
    let symbol = file.symbol_by_name(LAYOUT).context("the library does not say its layout")?;
    let section = file.section_by_index(symbol.section_index().context("it is in a section")?)?;
    let at = usize::try_from(symbol.address())?;
    let words = section.data()?.get(at..at + 8).context("it is two numbers")?;
    let word = |place: usize| {
        let bytes = words[place..place + 4].try_into().expect("four bytes");
        u64::from(if file.is_little_endian() {
            u32::from_le_bytes(bytes)
        } else {
            u32::from_be_bytes(bytes)
        })
    };
    Ok((word(0), word(4)))
}

/// The bytes of instructions and constants.
fn code_size(path: &Path) -> Result<u64> {
    let bytes = fs::read(path)?;
    let file = object::File::parse(&*bytes)?;
    let is_kept = |name: &str| {
        name.starts_with(".text") || name.starts_with(".rodata") || name.starts_with(".data")
    };
    let sections = file.sections().filter(|section| section.name().is_ok_and(is_kept));
    Ok(sections.map(|section| section.size()).sum())
}
