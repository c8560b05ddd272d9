//! `rollbook select CAPABILITY`: whom to ask for something, the most reliable first.

use anyhow::Result;
use rollbook::NodeView;

use super::nodes::table;
use crate::cli::SelectArgs;
use crate::client::{Client, escaped};
use crate::table::terminal_width;
use crate::{colour, output};

pub(crate) fn run(args: &SelectArgs) -> Result<()> {
    let client = Client::open(&args.data_dir.path())?;
    let path = path(args);
    if args.json {
        return output::print_line(&client.get_text(&path)?);
    }
    let nodes: Vec<NodeView> = client.get(&path)?;
    output::print(&table(&nodes).coloured(colour::wanted()).render(terminal_width()))
}

fn path(args: &SelectArgs) -> String {
    let capability = escaped(&args.capability);
    let mut path = format!("/api/v1/select?capability={capability}&limit={}", args.limit);
    if let Some(name) = &args.grant {
        path.push_str(&format!("&grant={}", escaped(name)));
    }
    path
}
