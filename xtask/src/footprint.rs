//! What the core takes, in bytes, as tables of a page.
//!
//! The program that has neither std nor an allocator measures itself and prints what it found; its
//! sections say the rest.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::freestanding::{self, FEATURES, Ran};
use crate::run;

/// The page with the tables.
pub(crate) const PAGE: &str = "docs/footprint.md";
/// What stands before the tables on the page, and behind them.
const BEGIN: &str = "<!-- What follows is written by: cargo xtask footprint --write -->\n";
const END: &str = "<!-- until here -->\n";
/// The heading of the table whose figures follow from the code alone, and must be right.
const EXACT: &str = "### Memory";
/// How far other figures may be off: they hang on the compiler too.
const TOLERANCE_PERCENT: u64 = 10;
/// The same for small ones, in bytes.
const TOLERANCE_MIN: u64 = 256;

/// The `footprint` command: prints the tables, and puts them on their page if asked to.
pub(crate) fn command(write: bool) -> Result<bool> {
    if let Some(why) = freestanding::unsupported() {
        bail!("nothing can be measured here: {why}");
    }
    let tables = measure()?;
    println!("\n{tables}");
    if write {
        let path = run::root().join(PAGE);
        let page = read_page()?;
        let (before, _, after) = split(&page)?;
        fs::write(&path, format!("{before}{tables}{after}"))
            .with_context(|| format!("cannot write {PAGE}"))?;
    }
    Ok(true)
}

/// Builds and runs the program with each set of features; the tables.
pub(crate) fn measure() -> Result<String> {
    let [with, without] = FEATURES.map(freestanding::build_and_run);
    let (with, without) = (with?, without?);
    let compiler = run::output(Command::new("rustc").arg("--version"));
    let compiler = compiler.context("there is no rustc")?;
    let tables = [memory(&with)?, start(&with)?, stack(&with, &without)?];
    let code = code(&with, &without);
    let held = lines(&with, "statements").next().and_then(|line| line.get(1).copied());
    let held = number(value(held.context("the program printed no size of statements")?)?);
    Ok(format!(
        "\nMeasured with {}.\n\
         A node of the run has one address and one authority: its announcement and presence take \
         {held} bytes.\n\n{}{code}",
        compiler.trim_end(),
        tables.concat()
    ))
}

/// Where the page and the tables do not agree.
pub(crate) fn differences(tables: &str) -> Result<Vec<String>> {
    let page = read_page()?;
    let (_, written, _) = split(&page)?;
    Ok(compare(written, tables))
}

fn read_page() -> Result<String> {
    fs::read_to_string(run::root().join(PAGE)).with_context(|| format!("cannot read {PAGE}"))
}

/// The page before its tables, the tables, and the page behind them.
fn split(page: &str) -> Result<(&str, &str, &str)> {
    let begin = page.find(BEGIN).map(|place| place + BEGIN.len());
    let begin = begin.with_context(|| format!("{PAGE} lacks the line: {BEGIN}"))?;
    let end = page[begin..].find(END).map(|place| begin + place);
    let end = end.with_context(|| format!("{PAGE} lacks the line: {END}"))?;
    Ok((&page[..begin], &page[begin..end], &page[end..]))
}

/// A table as Markdown: its heading, then its first row as the names of the columns.
fn table(heading: &str, rows: &[Vec<String>]) -> String {
    let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
    let [names, rows @ ..] = rows else { return String::new() };
    let rule = format!("|---|{}\n", "---:|".repeat(names.len() - 1));
    let rows: String = rows.iter().map(|row| line(row)).collect();
    format!("{heading}\n\n{}{rule}{rows}\n", line(names))
}

fn row(cells: &[&str]) -> Vec<String> {
    cells.iter().map(|cell| (*cell).to_owned()).collect()
}

/// A number with a comma for each thousand.
fn number(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// The words of each line that the program printed and that begins with `first`.
fn lines<'a>(ran: &'a Ran, first: &str) -> impl Iterator<Item = Vec<&'a str>> {
    let words = ran.printed.lines().map(|line| line.split(' ').collect::<Vec<_>>());
    words.filter(move |words| words.first() == Some(&first))
}

fn value(text: &str) -> Result<u64> {
    text.parse().with_context(|| format!("the program printed '{text}' where a number belongs"))
}

/// The memory of a tracker by its capacity.
fn memory(ran: &Ran) -> Result<String> {
    let mut rows = vec![row(&["nodes", "a member's tracker", "an authority's tracker"])];
    let mut sizes = Vec::new();
    let mut storage = "`Inline`".to_owned();
    for line in lines(ran, "memory") {
        let [_, nodes, bytes, peers, _, member, _, authority] = line[..] else {
            bail!("no memory: {line:?}");
        };
        let (member, authority) = (value(member)?, value(authority)?);
        rows.push(vec![nodes.to_owned(), number(member), number(authority)]);
        sizes.push((value(nodes)?, member, authority));
        storage =
            format!("`Inline<nodes, {bytes}, {peers}>`, `Inline<nodes, {bytes}, {peers}, nodes>`");
    }
    let [(least, ..), .., (most, ..)] = sizes[..] else { bail!("there is only one capacity") };
    ensure!(least < most, "capacities rise");
    let slope = |size: fn(&(u64, u64, u64)) -> u64| {
        let (first, last) = (sizes.first().map(size), sizes.last().map(size));
        (last.unwrap_or(0) - first.unwrap_or(0)) / (most - least)
    };
    let per_node = [slope(|size| size.1), slope(|size| size.2)].map(number);
    rows.push(vec!["one node more".to_owned(), per_node[0].clone(), per_node[1].clone()]);
    Ok(table(&format!("{EXACT} of a tracker, in bytes: {storage}"), &rows))
}

/// What initialising a tracker takes.
fn start(with: &Ran) -> Result<String> {
    let names = ["`init` at a capacity of", "stack", "largest copy", "largest shift within a row"];
    let mut rows = vec![row(&names)];
    for line in lines(with, "init") {
        let [_, nodes, _, stack, _, copied, _, shifted] = line[..] else {
            bail!("no initialisation: {line:?}");
        };
        let cells = vec![
            format!("{nodes} nodes"),
            number(value(stack)?),
            number(value(copied)?),
            number(value(shifted)?),
        ];
        if !rows.contains(&cells) {
            rows.push(cells);
        }
    }
    Ok(table("### Initialisation, in bytes", &rows))
}

/// How much stack each call takes.
fn stack(with: &Ran, without: &Ran) -> Result<String> {
    let mut rows = vec![row(&["call", "with secp256k1", "without"])];
    for line in lines(with, "stack") {
        let [_, name, depth] = line[..] else { bail!("no depth: {line:?}") };
        let other = lines(without, "stack").find(|other| other.get(1) == Some(&name));
        let other = other.and_then(|other| other.get(2).copied()).map(value).transpose()?;
        rows.push(vec![
            format!("`{name}`"),
            number(value(depth)?),
            other.map_or_else(|| "-".to_owned(), number),
        ]);
    }
    Ok(table("### Stack, in bytes", &rows))
}

/// How large the program is.
fn code(with: &Ran, without: &Ran) -> String {
    let total = |ran: &Ran| ran.image.text + ran.image.constants + ran.image.data;
    let mut rows = vec![row(&["part of the program", "with secp256k1", "without"])];
    let parts = [
        ("instructions", with.image.text, without.image.text),
        ("constants", with.image.constants, without.image.constants),
        ("variables that do not begin as zeros", with.image.data, without.image.data),
        ("together", total(with), total(without)),
    ];
    rows.extend(parts.map(|(name, one, other)| vec![name.to_owned(), number(one), number(other)]));
    table("### Code, in bytes", &rows)
}

/// Each row of the tables that `written` lacks, has too many or has with other figures.
fn compare(written: &str, measured: &str) -> Vec<String> {
    let is_table = |line: &&str| line.starts_with('|') || line.starts_with("###");
    let (mut one, mut other) =
        (written.lines().filter(is_table), measured.lines().filter(is_table));
    let mut differences = Vec::new();
    let mut is_exact = false;
    loop {
        let (written, measured) = match (one.next(), other.next()) {
            (None, None) => return differences,
            (written, measured) => (written.unwrap_or_default(), measured.unwrap_or_default()),
        };
        if measured.starts_with('#') {
            is_exact = measured.starts_with(EXACT);
        }
        if !is_same_row(written, measured, is_exact) {
            differences.push(format!("written: {written}   measured: {measured}"));
        }
    }
}

fn is_same_row(written: &str, measured: &str, is_exact: bool) -> bool {
    let figure = |cell: &str| cell.trim().replace(',', "").parse::<u64>().ok();
    let (one, other) = (written.split('|'), measured.split('|'));
    one.clone().count() == other.clone().count()
        && one.zip(other).all(|(one, other)| match (figure(one), figure(other)) {
            (Some(one), Some(other)) if !is_exact => is_near(one, other),
            _ => one.trim() == other.trim(),
        })
}

fn is_near(written: u64, measured: u64) -> bool {
    written.abs_diff(measured) <= (written * TOLERANCE_PERCENT / 100).max(TOLERANCE_MIN)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::freestanding::Image;

    fn ran(printed: &str) -> Ran {
        Ran { printed: printed.to_owned(), image: Image::default() }
    }

    #[test]
    fn thousands_are_set_apart() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(number), ["0", "999", "1,000", "1,234,567"]);
    }

    #[test]
    fn what_a_node_adds_is_the_slope() {
        let printed = "memory 32 768 4 member 5200 authority 6000\n\
                       memory 128 768 4 member 14800 authority 16560\n";
        let table = memory(&ran(printed)).expect("lines as the program prints them");
        assert!(table.contains("`Inline<nodes, 768, 4, nodes>`"), "{table}");
        assert!(table.contains("| 128 | 14,800 | 16,560 |"), "{table}");
        assert!(table.contains("| one node more | 100 | 110 |"), "{table}");
        assert!(memory(&ran("memory 32")).is_err());
        assert!(memory(&ran("")).is_err());
    }

    #[test]
    fn memory_must_be_right_and_the_rest_nearly() {
        let page = "### Memory\n| a | 1,000 |\n### Stack\n| b | 10,000 |\n| c | 100 |\n";
        let with = |from: &str, to: &str| compare(page, &page.replace(from, to));
        assert_eq!(compare(page, page), Vec::<String>::new());
        assert_eq!(with("| 10,000", "| 11,000"), Vec::<String>::new());
        assert_eq!(with("| 100 ", "| 356 "), Vec::<String>::new());
        assert_eq!(with("1,000 |", "1,001 |").len(), 1);
        assert_eq!(with("| 10,000", "| 11,001").len(), 1);
        assert_eq!(with("| 10,000", "| 8,999").len(), 1);
        assert_eq!(with("| 100 ", "| 357 ").len(), 1);
        assert_eq!(with("| c", "| d").len(), 1);
        assert_eq!(with("| c | 100 |\n", "").len(), 1);
        assert_eq!(compare("", page).len(), 5);
    }

    #[test]
    fn the_tables_stand_between_their_marks() {
        let page = format!("before\n{BEGIN}tables\n{END}after\n");
        let (before, tables, after) = split(&page).expect("it has both marks");
        assert_eq!(before, format!("before\n{BEGIN}"));
        assert_eq!(tables, "tables\n");
        assert_eq!(after, format!("{END}after\n"));
        assert!(split("before\nafter\n").is_err());
    }
}
