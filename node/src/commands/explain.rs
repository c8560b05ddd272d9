//! `rollbook explain PEER`: why a node is seen as it is.

use anyhow::Result;
use rollbook::Explanation;

use crate::cli::NodeArgs;
use crate::client::{self, Client};
use crate::output;
use crate::table::{Column, Table, terminal_width};

const COLUMNS: &[Column] = &[
    Column { title: "FACT", least: 8 },
    Column { title: "VALUE", least: 16 },
    Column { title: "COUNTS", least: 6 },
    Column { title: "STATEMENT", least: 12 },
    Column { title: "STAMP", least: 5 },
    Column { title: "VERSION", least: 12 },
    Column { title: "WRITER", least: 53 },
];

pub(crate) fn run(args: &NodeArgs) -> Result<()> {
    let peer = client::peer_id(&args.peer)?;
    let client = Client::open(&args.data_dir.path())?;
    let path = format!("/api/v1/nodes/{peer}/explain");
    if args.json {
        return output::print_line(&client.get_text(&path)?);
    }
    let explanation: Explanation = client.get(&path)?;
    output::print(&table(&explanation).render(terminal_width()))?;
    for found in &explanation.equivocations {
        let (writer, epoch, seq) = (found.writer, found.epoch, found.seq);
        output::print_line(&format!("{writer} contradicted itself in {epoch}.{seq}"))?;
    }
    Ok(())
}

fn table(explanation: &Explanation) -> Table {
    let mut table = Table::new(COLUMNS);
    for said in &explanation.facts {
        table.row(vec![
            said.fact.clone(),
            said.value.clone(),
            if said.counts { "yes" } else { "no" }.to_owned(),
            said.statement.clone(),
            said.stamp.map(|stamp| stamp.to_string()).unwrap_or_default(),
            format!("{}.{}", said.epoch, said.seq),
            said.writer.to_string(),
        ]);
    }
    table
}
