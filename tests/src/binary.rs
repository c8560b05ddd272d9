//! The `rollbook` binary that is tested.

use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

/// Where the binary is: `ROLLBOOK_BIN`, or beside this test in the target folder.
///
/// # Panics
/// If it is not there, with how to build it.
pub fn binary() -> &'static PathBuf {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        let named = std::env::var_os("ROLLBOOK_BIN").filter(|path| !path.is_empty());
        let path = named.map_or_else(beside_this_test, PathBuf::from);
        assert!(
            path.is_file(),
            "there is no {}: run `cargo build -p rollbook-node` first, or name the binary with \
             ROLLBOOK_BIN",
            path.display()
        );
        path.canonicalize().expect("a file that is there has a path")
    })
}

/// Tests are in `target/PROFILE/deps`, binaries one folder above.
fn beside_this_test() -> PathBuf {
    let test = std::env::current_exe().expect("a running test has a file");
    let profile = test.ancestors().nth(2).expect("it is inside the target folder");
    profile.join("rollbook")
}

/// A command of the binary, untouched by settings of whoever runs the tests.
pub fn command() -> Command {
    let mut command = Command::new(binary());
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(|name| name.starts_with("ROLLBOOK_")) {
            command.env_remove(name);
        }
    }
    // A backtrace would be printed if anything panicked: no test may ever see one.
    command.env("RUST_BACKTRACE", "1").env_remove("RUST_LOG");
    command
}
