//! Markdown tables.

use std::fmt::Write;

/// A table whose columns are as wide as need be.
#[derive(Debug)]
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new(header: &[&str]) -> Table {
        Table { rows: vec![header.iter().map(|cell| (*cell).to_owned()).collect()] }
    }

    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// The table under a heading, with a sentence that says how to read it.
    pub(crate) fn print(&self, heading: &str, about: &str) -> String {
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let mut text = format!("## {heading}\n\n{about}\n\n");
        for (place, row) in self.rows.iter().enumerate() {
            for (column, cell) in row.iter().enumerate() {
                let width = width(column);
                let separator = if column == 0 { "| " } else { " | " };
                let _ = match column {
                    0 => write!(text, "{separator}{cell:<width$}"),
                    _ => write!(text, "{separator}{cell:>width$}"),
                };
            }
            text.push_str(" |\n");
            if place == 0 {
                for column in 0..row.len() {
                    let dashes = "-".repeat(width(column) + 1);
                    let _ = match column {
                        0 => write!(text, "|{dashes}-"),
                        _ => write!(text, "|{dashes}:"),
                    };
                }
                text.push_str("|\n");
            }
        }
        text
    }
}

/// A number with its thousands apart.
pub(crate) fn number(value: impl TryInto<u64>) -> String {
    let digits = value.try_into().unwrap_or(u64::MAX).to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
