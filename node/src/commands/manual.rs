//! `rollbook completions SHELL` and `rollbook man DIR`: made from the command line's definition.

use std::fs;

use anyhow::{Context as _, Result};
use clap::CommandFactory as _;

use crate::cli::{Cli, CompletionsArgs, ManArgs};
use crate::output;

pub(crate) fn completions(args: &CompletionsArgs) -> Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "rollbook", &mut script);
    output::print_bytes(&script)
}

/// A page for the program and one for each command, as `man` finds them.
pub(crate) fn pages(args: &ManArgs) -> Result<()> {
    let named = || format!("cannot write manual pages to {}", args.dir.display());
    fs::create_dir_all(&args.dir).with_context(named)?;
    let mut command = Cli::command();
    command.build();
    for page in std::iter::once(&command).chain(command.get_subcommands()) {
        if page.get_name() == "help" {
            continue;
        }
        let name = match page.get_name() {
            "rollbook" => "rollbook".to_owned(),
            name => format!("rollbook-{name}"),
        };
        let mut text = Vec::new();
        clap_mangen::Man::new(page.clone()).title(name.to_uppercase()).render(&mut text)?;
        output::replace(&args.dir.join(format!("{name}.1")), &text)?;
    }
    output::print_line(&format!("manual pages are in {}", args.dir.display()))
}
