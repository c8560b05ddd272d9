//! The tables of faults in `docs/masa-faults.md` and of risks in `docs/risks.md`: all rows are there,
//! and every test that they name is there.

/// A row: the name of a fault or a risk, and what stands against it.
#[derive(Debug, PartialEq, Eq)]
struct Row<'a> {
    name: &'a str,
    answer: &'a str,
}

/// The rows of a page's tables that begin with `letter` and a number.
fn rows(page: &str, letter: char) -> Vec<Row<'_>> {
    let rows = page.lines().filter_map(|line| {
        let mut cells = line.strip_prefix("| ")?.strip_suffix(" |")?.split(" | ");
        let name = cells.next().filter(|cell| is_name(cell, letter))?;
        Some(Row { name, answer: cells.last()? })
    });
    rows.collect()
}

fn is_name(cell: &str, letter: char) -> bool {
    cell.strip_prefix(letter).is_some_and(|number| number.parse::<u8>().is_ok())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::named_tests::{missing, tests_named};
    use crate::run::root;

    /// How many faults there are.
    const FAULT_COUNT: usize = 36;

    fn page(name: &str) -> String {
        fs::read_to_string(root().join(name)).expect("the page is there")
    }

    fn assert_numbered(rows: &[Row<'_>], letter: char, count: usize) {
        let found: Vec<&str> = rows.iter().map(|row| row.name).collect();
        let expected: Vec<String> = (1..=count).map(|number| format!("{letter}{number}")).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn every_fault_has_a_row_in_order() {
        assert_numbered(&rows(&page("docs/masa-faults.md"), 'B'), 'B', FAULT_COUNT);
    }

    #[test]
    fn every_test_that_is_named_is_there_and_every_fault_names_one_or_says_why_not() {
        for Row { name, answer } in rows(&page("docs/masa-faults.md"), 'B') {
            let is_open = answer.starts_with("not yet: ");
            assert!(
                is_open == tests_named(answer).is_empty(),
                "{name} names a test, or it is not yet: {answer}"
            );
            let missing = missing(root(), answer);
            assert!(missing.is_empty(), "{name}: {missing:?}");
        }
    }

    #[test]
    fn every_risk_names_tests_that_are_there() {
        let page = page("docs/risks.md");
        let rows = rows(&page, 'R');
        assert!(rows.len() >= 20, "{} risks", rows.len());
        assert_numbered(&rows, 'R', rows.len());
        for Row { name, answer } in rows {
            assert!(!tests_named(answer).is_empty(), "{name} names a test: {answer}");
            let missing = missing(root(), answer);
            assert!(missing.is_empty(), "{name}: {missing:?}");
        }
    }

    #[test]
    fn tests_that_other_pages_name_are_there() {
        for name in ["docs/design.md", "docs/integration.md", "docs/performance.md"] {
            let missing = missing(root(), &page(name));
            assert!(missing.is_empty(), "{name}: {missing:?}");
        }
    }

    #[test]
    fn rows_begin_with_a_name_and_end_with_an_answer() {
        let table = "| | there | here |\n|---|---|---|\n| B7 | it | `e.rs::f` |\n| C1 | it | x |";
        assert_eq!(rows(table, 'B'), [Row { name: "B7", answer: "`e.rs::f`" }]);
    }
}
