//! The commands of a page: each block of them is run as a reader would, or at least read.
//!
//! A block that begins with three backticks and `sh` is run, all of a page in one new folder and
//! in their order; one with `sh no-run` must only be correct shell. The port numbers of the page
//! are replaced by free ones, and a node that is started stays in the background.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::binary::binary;
use crate::wait;

/// The ports of the defaults and those beside them that a page may name.
const PORTS: std::ops::Range<u16> = 7600..7700;
const LISTEN: u16 = 7655;
const HTTP: u16 = 7656;

const SHIMS: [(&str, &str); 4] = [
    ("rollbook", include_str!("shims/rollbook.sh")),
    ("cargo", include_str!("shims/cargo.sh")),
    ("pkill", include_str!("shims/by_name.sh")),
    ("killall", include_str!("shims/by_name.sh")),
];

/// A block of commands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// The line that it begins after, from 1.
    pub line: usize,
    /// Whether it is run.
    pub is_run: bool,
    /// Its lines.
    pub text: String,
}

/// The blocks of a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// In their order.
    pub blocks: Vec<Block>,
}

impl Page {
    /// Finds the blocks of a Markdown page; the error names one that is of no known sort.
    pub fn parse(text: &str) -> Result<Page, String> {
        let mut blocks = Vec::new();
        let mut lines = text.lines().zip(1..);
        while let Some((line, number)) = lines.next() {
            let Some(sort) = line.trim_start().strip_prefix("```") else { continue };
            let content: Vec<&str> = lines
                .by_ref()
                .map(|(line, _)| line)
                .take_while(|line| !line.trim_start().starts_with("```"))
                .collect();
            let is_run = match sort.trim() {
                "sh" => true,
                "sh no-run" => false,
                "bash" | "shell" | "console" => {
                    return Err(format!("line {number}: write `sh` or `sh no-run`, not `{sort}`"));
                }
                _ => continue,
            };
            blocks.push(Block { line: number, is_run, text: content.join("\n") + "\n" });
        }
        Ok(Page { blocks })
    }

    /// Runs or reads each block; the error tells what failed, with what was printed.
    pub fn run(&self) -> Result<(), String> {
        let session = Session::new(&self.blocks);
        self.blocks.iter().try_for_each(|block| session.run(block))
    }
}

/// A reader at a terminal, with a folder of their own.
struct Session {
    folder: TempDir,
    ports: BTreeMap<u16, u16>,
    group: Group,
}

impl Session {
    fn new(blocks: &[Block]) -> Session {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for name in ["bin", "home", "work/target/release", "out"] {
            fs::create_dir_all(folder.path().join(name)).expect("our folder");
        }
        for (name, text) in SHIMS {
            write_program(&folder.path().join("bin").join(name), text);
        }
        write_program(&folder.path().join("work/target/release/rollbook"), SHIMS[0].1);
        let named = blocks.iter().flat_map(|block| numbers(&block.text)).map(|(_, number)| number);
        Session { folder, ports: free_ports(named.chain([LISTEN, HTTP])), group: Group::new() }
    }

    fn run(&self, block: &Block) -> Result<(), String> {
        let path = self.folder.path().join("out").join(block.line.to_string());
        let script = path.with_extension("sh");
        fs::write(&script, self.with_free_ports(&block.text)).expect("our folder");
        let output = path.with_extension("txt");
        let create = || File::options().create(true).append(true).open(&output);
        let mut command = self.bash();
        command
            .arg(if block.is_run { "-e" } else { "-n" })
            .arg(&script)
            .stdout(create().expect("our folder"))
            .stderr(create().expect("our folder"));
        let mut child = command.spawn().map_err(|error| format!("bash: {error}"))?;
        let status = wait::eventually(&format!("the block of line {} ends", block.line), || {
            let shown = || fs::read_to_string(&output).unwrap_or_default();
            child.try_wait().expect("a child can be awaited").ok_or_else(shown)
        });
        match status.success() {
            true => Ok(()),
            false => {
                let printed = fs::read(&output).expect("our file");
                let printed = String::from_utf8_lossy(&printed).into_owned();
                Err(format!("line {}: {status}\n{}{printed}", block.line, block.text))
            }
        }
    }

    fn bash(&self) -> Command {
        let path = |name: &str| self.folder.path().join(name);
        let earlier = std::env::var("PATH").unwrap_or_default();
        let mut command = Command::new("bash");
        let port = |number: u16| self.ports[&number];
        command
            .env_clear()
            .env("PATH", format!("{}:{earlier}", path("bin").display()))
            .env("HOME", path("home"))
            .env("ROLLBOOK_TESTED", binary())
            .env("ROLLBOOK_LISTEN", format!("/ip4/127.0.0.1/tcp/{}", port(LISTEN)))
            .env("ROLLBOOK_HTTP", format!("127.0.0.1:{}", port(HTTP)))
            .current_dir(path("work"))
            .process_group(self.group.id())
            .stdin(Stdio::null());
        command
    }

    fn with_free_ports(&self, text: &str) -> String {
        let mut replaced = String::new();
        let mut end = 0;
        for (start, number) in numbers(text) {
            replaced.push_str(&text[end..start]);
            replaced.push_str(&self.ports[&number].to_string());
            end = start + number.to_string().len();
        }
        replaced + &text[end..]
    }
}

/// Every port of a text, with where it stands.
fn numbers(text: &str) -> Vec<(usize, u16)> {
    let is_digit = |byte: u8| byte.is_ascii_digit();
    let bytes = text.as_bytes();
    let begins = |at: &usize| is_digit(bytes[*at]) && (*at == 0 || !is_digit(bytes[at - 1]));
    let number = |at: usize| {
        let digits = text[at..].bytes().take_while(|byte| is_digit(*byte)).count();
        let number = text[at..at + digits].parse().ok().filter(|port| PORTS.contains(port));
        number.map(|number| (at, number))
    };
    (0..bytes.len()).filter(begins).filter_map(number).collect()
}

/// A free port for each, all different.
fn free_ports(wanted: impl Iterator<Item = u16>) -> BTreeMap<u16, u16> {
    // Held until all are chosen, so that none is chosen twice.
    let held: BTreeMap<u16, TcpListener> = wanted
        .map(|port| (port, TcpListener::bind("127.0.0.1:0").expect("there are free ports")))
        .collect();
    let chosen = |held: &TcpListener| held.local_addr().expect("it is bound").port();
    held.iter().map(|(port, held)| (*port, chosen(held))).collect()
}

fn write_program(path: &Path, text: &str) {
    fs::write(path, text).expect("our folder");
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("our file");
}

/// All processes of a session, which end with it.
struct Group {
    /// Reads from us and does nothing else. While it is not awaited nobody else gets its number,
    /// which is the group's.
    leader: Child,
}

impl Group {
    fn new() -> Group {
        let mut cat = Command::new("cat");
        cat.stdin(Stdio::piped()).stdout(Stdio::null()).process_group(0);
        Group { leader: cat.spawn().expect("there is a cat") }
    }

    fn id(&self) -> i32 {
        i32::try_from(self.leader.id()).expect("the system numbers processes so")
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let kill = format!("kill -KILL -{}", self.leader.id());
        let _ = Command::new("sh").args(["-c", &kill]).status();
        let _ = self.leader.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "\
# A page
```sh
cargo run --release -- start
```
Some words.
```rust
fn main() {}
```
```sh no-run
git clone somewhere && cd there
```
  ```sh
  rollbook nodes
  ```
";

    #[test]
    fn blocks_of_commands_are_found() {
        let page = Page::parse(PAGE).expect("it is well formed");
        let lines: Vec<_> = page.blocks.iter().map(|block| (block.line, block.is_run)).collect();
        assert_eq!(lines, [(2, true), (9, false), (12, true)]);
        assert_eq!(page.blocks[0].text, "cargo run --release -- start\n");
        assert!(Page::parse("```bash\nls\n```").is_err());
    }

    #[test]
    fn ports_are_found_and_other_numbers_are_not() {
        let text = "7655 x/tcp/7656/p2p 17655 76551 127.0.0.1:7657";
        let found: Vec<_> = numbers(text).into_iter().map(|(_, number)| number).collect();
        assert_eq!(found, [7655, 7656, 7657]);
        let page = Page::parse(&format!("```sh\n{text}\n```")).expect("well formed");
        let session = Session::new(&page.blocks);
        let replaced = session.with_free_ports(text);
        assert!(!replaced.contains("/7656/") && replaced.contains(" 17655 76551 "), "{replaced}");
        assert!(replaced.ends_with(&format!(":{}", session.ports[&7657])), "{replaced}");
    }
}
