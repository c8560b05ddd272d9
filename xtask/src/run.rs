//! Running other programs, the same way from a terminal and in CI, but for one thing: in CI a
//! command that hangs is killed.

use std::ffi::OsString;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// How long one command may take in CI. The longest takes a few minutes; without a limit, a test
/// that hangs would use up the time of all others, and nobody would learn which one it was.
const CI_LIMIT: Duration = Duration::from_secs(20 * 60);

/// The repository's root.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask is a folder of the workspace")
}

/// Where build products go, as cargo decides it.
pub(crate) fn target() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| OsString::from("target"));
    root().join(target)
}

/// Whether this is a CI machine: nobody to ask, and nothing may be left out.
pub(crate) fn in_ci() -> bool {
    std::env::var("CI").is_ok_and(|value| value == "true")
}

/// A cargo command with these arguments.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments);
    command
}

/// Runs a command in the root without standard input; an exit code but 0 is an error.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let line = line_of(command);
    println!("$ {line}");
    let limit = in_ci().then_some(CI_LIMIT);
    let status = status(prepared(command), limit);
    let status = status.with_context(|| format!("cannot run: {line}"))?;
    let Some(status) = status else {
        bail!("stopped after {} minutes: {line}", CI_LIMIT.as_secs() / 60);
    };
    if !status.success() {
        bail!("{status}: {line}");
    }
    Ok(())
}

/// Waits for a command to end; nothing, if it did not within the limit and was killed.
fn status(command: &mut Command, limit: Option<Duration>) -> Result<Option<ExitStatus>> {
    let Some(limit) = limit else {
        return Ok(Some(command.status()?));
    };
    // In a group of its own, so that the tests below cargo end with it. Not so at a terminal:
    // there Ctrl-C must reach all of them.
    let mut child = command.process_group(0).spawn()?;
    let start = Instant::now();
    while start.elapsed() < limit {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        thread::sleep(Duration::from_millis(50));
    }
    let group = format!("-{}", child.id());
    Command::new("kill").args(["-KILL", "--", &group]).status().context("cannot run kill")?;
    child.wait()?;
    Ok(None)
}

/// Runs a command, shows and gives what it printed; an exit code but 0 is an error.
pub(crate) fn read(command: &mut Command) -> Result<String> {
    let line = line_of(command);
    println!("$ {line}");
    let output = prepared(command).stderr(Stdio::inherit()).output();
    let output = output.with_context(|| format!("cannot run: {line}"))?;
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    print!("{printed}");
    if !output.status.success() {
        bail!("{}: {line}", output.status);
    }
    Ok(printed)
}

/// Runs a command quietly; what it printed, or nothing if it failed or is not there.
pub(crate) fn output(command: &mut Command) -> Option<String> {
    let output = prepared(command).stderr(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

fn prepared(command: &mut Command) -> &mut Command {
    // `cargo run` tells us about our own package. Some build scripts watch these variables, and
    // would build anew each time that cargo is called now from here and now by hand.
    for (name, _) in std::env::vars_os() {
        let ours = name.to_str().is_some_and(|name| {
            let families = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_"];
            families.iter().any(|family| name.starts_with(family))
        });
        if ours {
            command.env_remove(name);
        }
    }
    command.current_dir(root()).stdin(Stdio::null())
}

/// What says where programs are found is not shown: who types has their own.
const NOT_SHOWN: [&str; 2] = ["PATH", "VIRTUAL_ENV"];

/// The command as a person would type it.
fn line_of(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_stem().unwrap_or_default();
    let shown =
        command.get_envs().filter(|(name, _)| !NOT_SHOWN.iter().any(|hidden| name == hidden));
    let set = shown.filter_map(|(name, value)| {
        value.map(|value| format!("{}='{}'", name.to_string_lossy(), value.to_string_lossy()))
    });
    let words = std::iter::once(program).chain(command.get_args());
    set.chain(words.map(|word| word.to_string_lossy().into_owned())).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_shown_as_typed() {
        let mut command = Command::new("/usr/bin/cargo");
        command.args(["doc", "--no-deps"]).env("RUSTDOCFLAGS", "-D warnings").env("PATH", "/bin");
        assert_eq!(line_of(&command), "RUSTDOCFLAGS='-D warnings' cargo doc --no-deps");
    }

    #[test]
    fn what_hangs_is_killed_with_all_that_it_started() {
        let limit = Duration::from_millis(200);
        let start = Instant::now();
        let mut hanging = Command::new("sh");
        hanging.args(["-c", "sleep 600 & sleep 600"]);
        assert_eq!(status(&mut hanging, Some(limit)).expect("a shell"), None);
        assert!(start.elapsed() < Duration::from_secs(300));
        let done = status(&mut Command::new("true"), Some(Duration::from_secs(600)));
        assert!(done.expect("a program").is_some_and(|status| status.success()));
    }

    #[test]
    fn what_fails_or_is_missing_is_an_error() {
        assert!(run(&mut Command::new("false")).is_err());
        assert!(run(&mut Command::new("no-such-program-here")).is_err());
        assert_eq!(output(&mut Command::new("no-such-program-here")), None);
        assert_eq!(output(Command::new("echo").arg("yes")).as_deref(), Some("yes\n"));
    }
}
