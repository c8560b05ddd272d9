//! The tests of the C libraries, from C.

use std::fs;
use std::net::UdpSocket;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};

use super::archive::{self, Build};
use super::firmware::{self, Capacity};
use super::install::{self, Wanted};
use super::programs::{self, Way, compile, empty, linked_to, run_in_valgrind};
use super::{Library, TRACKER, dist, node, vectors};
use crate::header;
use crate::report::Outcome;
use crate::run::{cargo, read, root, run};
use crate::setup;

/// The programs that run by themselves, each with its source.
const PROGRAMS: [(&str, &str); 4] = [
    ("two_trackers", "ffi/examples/two_trackers.c"),
    ("tour", "ffi/tests/tour.c"),
    ("udp_replay", "ffi/tests/udp_replay.c"),
    ("hostile", "ffi/tests/hostile.c"),
];

/// How many nodes speak over UDP.
const UDP_NODES: usize = 4;

/// The suite.
pub(crate) fn suite() -> Result<Outcome> {
    if !cfg!(target_os = "linux") {
        return Ok(Outcome::Skipped("the libraries are built for Linux here".to_owned()));
    }
    if let Some(missing) =
        setup::missing_of(&["cc", "c++", "ld", "objcopy", "pkg-config", "valgrind"])
    {
        return Ok(Outcome::Skipped(format!("{missing} is missing: cargo xtask setup --yes")));
    }
    if let Outcome::Failed(why) = header::compare()? {
        return Ok(Outcome::Failed(why));
    }
    for features in [&[][..], &["--no-default-features"][..]] {
        run(cargo(&["test", "--locked", "-p", "rollbook-c"]).args(features))?;
    }
    let folder = programs::folder();
    fs::create_dir_all(&folder)?;
    from_c(&folder)?;
    installed(&folder)?;
    device(&folder)?;
    node::test(&folder)?;
    Ok(Outcome::Passed)
}

/// Programs linked to a library with a function more, which panics.
fn from_c(folder: &Path) -> Result<()> {
    let mut build = Build::of("release");
    build.arguments = vec!["--features".to_owned(), "faults".to_owned()];
    let archive = archive::build_static_for_tests(&TRACKER, &build)?;
    let system = archive::system_libraries(&TRACKER, &build)?;
    let include = root().join("include");
    let linked = linked_to(&archive, &system);
    for way in [Way::C("c99"), Way::C("c11"), Way::Sanitized, Way::Cpp] {
        compile(way, &HEADER_TWICE, &include, &linked, &folder.join("headers"))?;
        run(&mut Command::new(folder.join("headers")))?;
        for (name, source) in PROGRAMS {
            let program = folder.join(name);
            compile(way, &[source], &include, &linked, &program)?;
            // A fault is asked for, and where it was is of no interest.
            run(Command::new(&program).env("RUST_BACKTRACE", "0"))?;
            if way == Way::C("c99") {
                run_in_valgrind(&program, &[], "definite,possible")?;
            }
        }
        let udp = folder.join("udp");
        compile(way, &["ffi/examples/udp.c"], &include, &linked, &udp)?;
        over_udp(&udp)?;
    }
    let program = folder.join("vectors");
    compile(Way::Sanitized, &["ffi/tests/vectors.c"], &include, &linked, &program)?;
    let asked = vectors::ask_all(&program)?;
    println!("golden vectors from C\n{asked} passed, 0 failed");
    Ok(())
}

/// The header twice in a unit, and in two units of one program.
const HEADER_TWICE: [&str; 2] = ["ffi/tests/headers.c", "ffi/tests/headers_too.c"];

/// Nodes in processes of their own that find each other.
fn over_udp(program: &Path) -> Result<()> {
    // Those that the system has free now.
    let sockets: Vec<UdpSocket> = (0..UDP_NODES)
        .map(|_node| UdpSocket::bind("127.0.0.1:0"))
        .collect::<std::io::Result<_>>()?;
    let ports: Vec<u16> = sockets
        .iter()
        .map(|socket| Ok(socket.local_addr()?.port()))
        .collect::<std::io::Result<_>>()?;
    drop(sockets);
    let children: Vec<_> = ports
        .iter()
        .enumerate()
        .map(|(node, port)| {
            let mut child = Command::new(program);
            child.args([(node + 1).to_string(), port.to_string(), "1".to_owned()]);
            child.args([ports[0].to_string(), UDP_NODES.to_string()]);
            child.stdout(Stdio::piped()).spawn()
        })
        .collect::<std::io::Result<_>>()?;
    for child in children {
        let output = child.wait_with_output()?;
        let printed = String::from_utf8_lossy(&output.stdout).into_owned();
        print!("{printed}");
        ensure!(output.status.success(), "a node over UDP failed");
        ensure!(printed.contains(&format!("sees {UDP_NODES} nodes online")), "{printed}");
    }
    Ok(())
}

/// Programs built as users build them: against what was installed.
fn installed(folder: &Path) -> Result<()> {
    let prefix = folder.join("prefix");
    let wanted = Wanted {
        prefix: prefix.clone(),
        destination: None,
        libraries: vec![&TRACKER],
        profile: "release".to_owned(),
    };
    install::install(&wanted)?;
    check_shared(&TRACKER, &prefix)?;

    let source = "ffi/examples/two_trackers.c";
    let program = folder.join("installed");
    let flags = pkg_config(&TRACKER, &prefix, &["--cflags", "--libs"])?;
    compile(Way::C("c99"), &[source], Path::new("."), &flags, &program)?;
    run(Command::new(&program).env("LD_LIBRARY_PATH", prefix.join("lib")))?;

    // Where there is no shared library, the flags for a static one suffice.
    let only_static = empty(&folder.join("static"))?;
    fs::copy(prefix.join("lib/librollbook.a"), only_static.join("librollbook.a"))?;
    let mut flags = vec![format!("-L{}", only_static.display())];
    flags.extend(pkg_config(&TRACKER, &prefix, &["--cflags", "--libs", "--static"])?);
    flags.retain(|flag| *flag != format!("-L{}", prefix.join("lib").display()));
    compile(Way::C("c99"), &[source], Path::new("."), &flags, &program)?;
    run(&mut Command::new(&program))?;
    beside(folder, &TRACKER, &Build::of("release"), &prefix)?;
    document(&prefix)?;
    unpacked(folder)
}

/// The tarball, unpacked somewhere else.
fn unpacked(folder: &Path) -> Result<()> {
    let tarball = dist::pack(&["--library", "rollbook"])?;
    let place = empty(&folder.join("unpacked"))?;
    let mut tar = Command::new("tar");
    run(tar.args(["--strip-components=1", "-C"]).arg(&place).arg("-xzf").arg(&tarball))?;
    let flags = pkg_config(&TRACKER, &place, &["--cflags", "--libs"])?;
    let program = folder.join("unpacked_two_trackers");
    compile(Way::C("c99"), &["ffi/examples/two_trackers.c"], Path::new("."), &flags, &program)?;
    run(Command::new(&program).env("LD_LIBRARY_PATH", place.join("lib")))
}

/// A program that has another archive with Rust in it, with a standard library of its own.
pub(super) fn beside(folder: &Path, library: &Library, build: &Build, prefix: &Path) -> Result<()> {
    let other = folder.join("libother.a");
    let mut rustc = Command::new("rustc");
    rustc.args(["--edition", "2024", "--crate-type", "staticlib", "-O", "-C", "lto=fat"]);
    run(rustc.arg(root().join("ffi/tests/beside.rs")).arg("-o").arg(&other))?;
    let system = archive::system_libraries(library, build)?;
    let mut linked = vec![other.display().to_string()];
    let archive = prefix.join(format!("lib/lib{}.a", library.name));
    linked.extend(linked_to(&archive, &system));
    let program = folder.join("beside");
    let include = prefix.join("include");
    compile(Way::C("c99"), &["ffi/tests/beside.c"], &include, &linked, &program)?;
    run(&mut Command::new(&program))
}

/// Whether a shared library under a prefix gives the functions of its headers, and no others.
pub(super) fn check_shared(library: &Library, prefix: &Path) -> Result<()> {
    let (given, _) = archive::symbols(&prefix.join(format!("lib/lib{}.so", library.name)))?;
    let mut given: Vec<String> = given.into_iter().filter(|name| !name.starts_with('_')).collect();
    given.sort_unstable();
    ensure!(
        given == library.functions()?,
        "the shared library does not give what its headers say: {given:?}"
    );
    Ok(())
}

/// The flags that pkg-config gives for a library that is installed under a prefix.
pub(super) fn pkg_config(
    library: &Library,
    prefix: &Path,
    options: &[&str],
) -> Result<Vec<String>> {
    let mut pkg_config = Command::new("pkg-config");
    pkg_config.env("PKG_CONFIG_PATH", prefix.join("lib/pkgconfig"));
    let printed = read(pkg_config.args(options).arg(library.name))?;
    Ok(printed.split_whitespace().map(str::to_owned).collect())
}

/// The commands of docs/c.md; the front page has the first of them.
fn document(prefix: &Path) -> Result<()> {
    let page = "docs/c.md";
    let text = text_of(page)?;
    let front = text_of("README.md")?;
    let first = text.split("```sh\n").nth(1).and_then(|rest| rest.split("```").next());
    let is_there = first.is_some_and(|block| front.contains(block));
    ensure!(is_there, "README.md and docs/c.md begin alike");
    ensure!(text.contains("two_trackers"), "docs/c.md builds the first example");
    run_page(page, prefix, &programs::folder().join("document"))
}

/// Runs the commands of a page, as they stand there, in an empty folder with what was installed under
/// a prefix.
pub(super) fn run_page(page: &str, prefix: &Path, home: &Path) -> Result<()> {
    let text = text_of(page)?;
    let blocks = text.split("```sh\n").skip(1).filter_map(|rest| rest.split_once("```"));
    let commands: String = blocks.map(|(block, _)| block).collect();
    // It was installed already, and is not built once more.
    let install = "cargo xtask install --prefix \"$HOME/.local\"\n";
    ensure!(commands.contains(install), "{page} begins with the installation");
    let commands = commands.replace(install, "cd \"$HOME\"\n");
    let home = empty(home)?;
    symlink(root().join("ffi"), home.join("ffi"))?;
    symlink(prefix, home.join(".local"))?;
    let mut shell = Command::new("sh");
    run(shell.args(["-e", "-u", "-c", &commands]).env("HOME", &home))
}

fn text_of(page: &str) -> Result<String> {
    fs::read_to_string(root().join(page)).with_context(|| format!("{page} cannot be read"))
}

/// A device: the library that needs nothing, in a program that has nothing.
fn device(folder: &Path) -> Result<()> {
    if !cfg!(target_arch = "x86_64") {
        bail!("the program without a C library is written for x86-64");
    }
    for secp256k1 in [false, true] {
        let capacity = Capacity { leases: 8, secp256k1, ..Capacity::of(8) };
        let made = firmware::build(&capacity, None, &folder.join("firmware"))?;
        run_device(&made.folder, &folder.join("device"))?;
    }
    Ok(())
}

/// Builds the example with the library in a folder, and runs it.
fn run_device(library: &Path, program: &Path) -> Result<()> {
    let mut cc = archive::tool("CC", "cc");
    cc.args(["-std=c99", "-pedantic", "-Wall", "-Wextra", "-Werror", "-Wstrict-prototypes", "-O2"]);
    cc.args(["-ffreestanding", "-fno-builtin", "-fno-stack-protector", "-fshort-enums"]);
    cc.args(["-nostartfiles", "-nostdlib", "-static", "-no-pie", "-fno-pie"]);
    cc.arg(format!("-I{}", library.display()));
    let sources = ["ffi/examples/firmware.c", "ffi/examples/port_x86_64_linux.c"];
    cc.args(sources.map(|source| root().join(source)));
    run(cc.arg(library.join("librollbook.a")).arg("-o").arg(program))?;
    let (_, needed) = archive::symbols(program)?;
    ensure!(needed.is_empty(), "the device needs {needed:?}");
    run(&mut Command::new(program))
}
