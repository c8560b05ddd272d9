//! A command of the binary with a terminal before it, as a person has one.

use std::fs::{File, OpenOptions};
use std::io::Read as _;
use std::process::ExitStatus;

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

use crate::binary;

/// Runs a command on a terminal of so many columns, and returns what the person sees.
///
/// # Panics
/// If there is no terminal to be had or the command cannot be run.
pub fn on_terminal(
    columns: u16,
    args: &[&str],
    variables: &[(&str, &str)],
) -> (ExitStatus, String) {
    let screen = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal can be had");
    grantpt(&screen).expect("it is ours");
    unlockpt(&screen).expect("it is ours");
    let size = Winsize { ws_row: 50, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    tcsetwinsize(&screen, size).expect("it has a size");
    let name = ptsname(&screen, Vec::new()).expect("it has a name");
    let name = name.to_str().expect("a plain path").to_owned();
    let open = || -> File {
        OpenOptions::new().read(true).write(true).open(&name).expect("its other end")
    };
    let mut command = binary::command();
    command.args(args).env("TERM", "xterm").env_remove("NO_COLOR");
    command.envs(variables.iter().copied()).stdin(open()).stdout(open()).stderr(open());
    let mut child = command.spawn().expect("the binary can be run");
    // The command holds the ends that it was given; it is over when nobody holds one.
    drop(command);
    let mut seen = Vec::new();
    let mut bytes = [0; 4_096];
    let mut screen = File::from(screen);
    // A terminal that nobody holds any more is an error to read from.
    while let Ok(size @ 1..) = screen.read(&mut bytes) {
        seen.extend_from_slice(&bytes[..size]);
    }
    let status = child.wait().expect("a child can be awaited");
    (status, String::from_utf8_lossy(&seen).into_owned())
}
