//! Tables for people: aligned columns, fitted to the terminal.
//!
//! Invariants:
//! * no cell can steer the terminal: texts that come from other nodes are made harmless first
//! * with a known width no line is longer than it; without one (a pipe, a file) nothing is cut

use std::fmt::Write as _;

use crate::colour;

const GAP: usize = 2;
const CUT: char = '…';

/// A column's heading and how far it may shrink before columns are left out.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Column {
    /// Heading, in capitals.
    pub(crate) title: &'static str,
    /// Fewest characters that are still of use; cells shorter than that stay whole.
    pub(crate) least: usize,
}

/// Rows of texts under headings; the first column is the most important, the last the least.
#[derive(Debug)]
pub(crate) struct Table {
    columns: Vec<Column>,
    rows: Vec<Vec<String>>,
    colours: bool,
}

impl Table {
    pub(crate) fn new(columns: &[Column]) -> Self {
        Self { columns: columns.to_vec(), rows: Vec::new(), colours: false }
    }

    /// Shows words for presence and standing in colours, or not.
    pub(crate) fn coloured(mut self, colours: bool) -> Self {
        self.colours = colours;
        self
    }

    /// Adds a row with a text for each column.
    pub(crate) fn row(&mut self, cells: Vec<String>) {
        assert_eq!(cells.len(), self.columns.len(), "a row has a cell for each column");
        self.rows.push(cells.iter().map(|cell| harmless(cell)).collect());
    }

    /// The whole table, a line each, cut to `width` characters if that is known.
    pub(crate) fn render(&self, width: Option<usize>) -> String {
        let widths = self.fitted(width);
        let mut text = String::new();
        let titles: Vec<_> = self.columns.iter().map(|column| column.title.to_owned()).collect();
        for cells in std::iter::once(&titles).chain(&self.rows) {
            let mut line = String::new();
            for (cell, &cell_width) in cells.iter().zip(&widths) {
                let shown = shortened(cell, cell_width);
                // Colours take no room, so the room is counted without them.
                let room = cell_width + GAP - shown.chars().count();
                let shown = match colour::of_word(&shown).filter(|_| self.colours) {
                    Some(mood) => colour::painted(&shown, mood),
                    None => shown,
                };
                write!(line, "{shown}{:room$}", "").expect("a string takes any text");
            }
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }

    /// Widths of the columns that fit; shorter than `columns` if the last ones do not.
    fn fitted(&self, width: Option<usize>) -> Vec<usize> {
        let mut widths: Vec<_> =
            (0..self.columns.len()).map(|index| self.natural_width(index)).collect();
        let Some(width) = width else {
            return widths;
        };
        let least: Vec<_> =
            widths.iter().zip(&self.columns).map(|(&all, column)| all.min(column.least)).collect();
        while total(&widths) > width {
            let excess = total(&widths) - width;
            // The widest gives way first, so that one long text does not cost a column.
            let widest = (0..widths.len())
                .filter(|&index| widths[index] > least[index])
                .max_by_key(|&index| widths[index]);
            match widest {
                Some(index) => {
                    let next = (0..widths.len())
                        .filter(|&other| other != index && widths[other] < widths[index])
                        .map(|other| widths[other])
                        .max()
                        .unwrap_or(0);
                    let floor = least[index].max(next.min(widths[index] - 1));
                    widths[index] -= excess.min(widths[index] - floor);
                }
                None if widths.len() > 1 => {
                    widths.pop();
                    // What the last column took is given back to the others.
                    for (index, cell_width) in widths.iter_mut().enumerate() {
                        *cell_width = self.natural_width(index);
                    }
                }
                None => widths[0] = width.max(1),
            }
        }
        widths
    }

    fn natural_width(&self, index: usize) -> usize {
        let cells = self.rows.iter().map(|row| row[index].chars().count());
        cells.chain([self.columns[index].title.chars().count()]).max().unwrap_or(0)
    }
}

fn total(widths: &[usize]) -> usize {
    widths.iter().sum::<usize>() + GAP * widths.len().saturating_sub(1)
}

/// Cuts in the middle: the start and the end of a peer id both tell nodes apart.
fn shortened(cell: &str, width: usize) -> String {
    let count = cell.chars().count();
    if count <= width {
        return cell.to_owned();
    }
    let kept = width.saturating_sub(1);
    let (head, tail) = (kept - kept / 2, kept / 2);
    cell.chars().take(head).chain([CUT]).chain(cell.chars().skip(count - tail)).collect()
}

/// Replaces what could move the cursor, change colours or turn the direction of writing.
pub(crate) fn harmless(text: &str) -> String {
    let invisible = |c: char| {
        matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}'
            | '\u{feff}')
    };
    text.chars().map(|c| if c.is_control() || invisible(c) { '\u{fffd}' } else { c }).collect()
}

/// The width of the terminal that standard output goes to, if it is one.
pub(crate) fn terminal_width() -> Option<usize> {
    let (terminal_size::Width(width), _) = terminal_size::terminal_size_of(std::io::stdout())?;
    // A terminal that does not know its size says 0.
    (width > 0).then_some(usize::from(width))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEER: &str = "12D3KooWQnwEGNqcM2nAcPtRR9rAX8Hrg4k9kJLCHoTR5chJfz6d";

    fn sample() -> Table {
        let mut table = Table::new(&[
            Column { title: "PEER ID", least: 20 },
            Column { title: "PRESENCE", least: 8 },
            Column { title: "CAPABILITIES", least: 10 },
        ]);
        table.row(vec![PEER.into(), "online".into(), "storage,relay,index,search,mail".into()]);
        table.row(vec![PEER.into(), "left".into(), String::new()]);
        table
    }

    #[test]
    fn a_pipe_gets_every_text_whole() {
        let text = sample().render(None);
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines.len(), 3);
        assert_eq!(lines[0].find("PRESENCE"), Some(PEER.len() + GAP));
        assert_eq!(lines[1], format!("{PEER}  online    storage,relay,index,search,mail"));
        assert_eq!(lines[2], format!("{PEER}  left"));
    }

    #[test]
    fn colours_take_no_room_and_are_only_where_they_are_wanted() {
        let (plain, coloured) =
            (sample().render(Some(60)), sample().coloured(true).render(Some(60)));
        assert!(!plain.contains('\u{1b}'), "{plain}");
        assert!(coloured.contains("\u{1b}[32monline\u{1b}[0m"), "{coloured}");
        let without = coloured.replace("\u{1b}[32m", "").replace("\u{1b}[31m", "");
        assert_eq!(without.replace("\u{1b}[0m", ""), plain);
    }

    #[test]
    fn no_line_is_wider_than_the_terminal() {
        for width in 1..120 {
            for line in sample().render(Some(width)).lines() {
                assert!(line.chars().count() <= width, "{width}: {line}");
            }
        }
    }

    #[test]
    fn the_first_column_stays_and_the_last_goes_first() {
        let text = sample().render(Some(30));
        assert!(text.starts_with("PEER ID"));
        assert!(text.contains("PRESENCE"));
        assert!(!text.contains("CAPABILITIES"));
        assert!(sample().render(Some(12)).contains("12D3Ko…Jfz6d"));
    }

    #[test]
    fn room_is_used_before_a_text_is_cut() {
        assert!(sample().render(Some(120)).contains(PEER));
        assert!(sample().render(Some(120)).contains("storage,relay,index,search,mail"));
    }

    #[test]
    fn a_text_cannot_steer_the_terminal() {
        let mut table = Table::new(&[Column { title: "AGENT", least: 5 }]);
        table.row(vec!["\u{1b}[2J\u{7}evil\nline\u{202e}".into()]);
        let text = table.render(None);
        assert!(!text.contains('\u{1b}') && !text.contains('\u{7}') && !text.contains('\u{202e}'));
        assert_eq!(text.lines().count(), 2);
    }

    #[test]
    fn an_empty_table_is_its_headings() {
        let table = Table::new(&[Column { title: "PEER ID", least: 5 }]);
        assert_eq!(table.render(Some(80)), "PEER ID\n");
    }
}
