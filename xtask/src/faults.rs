//! The table of faults in `docs/masa-faults.md`: all of them are in it, and every test that it
//! names is there.

/// A row: the fault's name, and what stands against it.
#[derive(Debug, PartialEq, Eq)]
struct Row<'a> {
    fault: &'a str,
    answer: &'a str,
}

/// The rows of a page's tables that begin with a fault's name.
fn rows(page: &str) -> Vec<Row<'_>> {
    let rows = page.lines().filter_map(|line| {
        let mut cells = line.strip_prefix("| ")?.strip_suffix(" |")?.split(" | ");
        let fault = cells.next().filter(|cell| is_fault(cell))?;
        let (_there, answer) = (cells.next()?, cells.next()?);
        Some(Row { fault, answer })
    });
    rows.collect()
}

/// `B` and a number.
fn is_fault(cell: &str) -> bool {
    cell.strip_prefix('B').is_some_and(|number| number.parse::<u8>().is_ok())
}

/// The tests that an answer names, as file and function.
fn tests_named(answer: &str) -> Vec<(&str, &str)> {
    answer.split('`').skip(1).step_by(2).filter_map(|code| code.split_once("::")).collect()
}

/// Whether a source has a test of this name: a function under an attribute that makes it one, or
/// one that a macro of the file lists.
fn has_test(source: &str, name: &str) -> bool {
    let declared = format!("fn {name}");
    let lines: Vec<&str> = source.lines().map(str::trim_start).collect();
    let is_it = |line: &str| {
        let line = line.strip_prefix("async ").unwrap_or(line);
        line.strip_prefix(&declared).is_some_and(|rest| rest.starts_with(['(', '<']))
    };
    let is_attribute =
        |line: &str| line == "#[test]" || line.starts_with("#[tokio::test") || line == "$(#[test]";
    let under_attribute = lines.windows(2).any(|pair| is_attribute(pair[0]) && is_it(pair[1]));
    let listed = lines.iter().any(|line| line.strip_suffix(',') == Some(name));
    let by_macro = source.contains("#[test] fn $name()") && listed;
    under_attribute || (by_macro && lines.iter().any(|line| is_it(line)))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::run::root;

    /// How many faults there are.
    const COUNT: usize = 36;

    fn page() -> String {
        fs::read_to_string(root().join("docs/masa-faults.md")).expect("the page is there")
    }

    #[test]
    fn every_fault_has_a_row_in_order() {
        let page = page();
        let found: Vec<&str> = rows(&page).iter().map(|row| row.fault).collect();
        let expected: Vec<String> = (1..=COUNT).map(|number| format!("B{number}")).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn every_test_that_is_named_is_there_and_every_fault_names_one_or_says_why_not() {
        for Row { fault, answer } in rows(&page()) {
            let named = tests_named(answer);
            let is_open = answer.starts_with("not yet: ");
            assert!(
                is_open == named.is_empty(),
                "{fault} names a test, or it is not yet: {answer}"
            );
            for (file, name) in named {
                let source = fs::read_to_string(root().join(file));
                let source = source.unwrap_or_else(|error| panic!("{fault}: {file}: {error}"));
                assert!(has_test(&source, name), "{fault}: {file} has no test {name}");
            }
        }
    }

    #[test]
    fn a_test_is_a_function_under_its_attribute_or_in_the_list_of_a_macro() {
        let source =
            "#[test]\nfn one() {}\n    #[tokio::test(flavor = \"x\")]\n    async fn two() {";
        assert!(has_test(source, "one") && has_test(source, "two"));
        assert!(!has_test(source, "on") && !has_test("fn one() {}\n// one,", "one"));
        let listed = "$(#[test] fn $name() { })+\nlist! {\n    one,\n}\nfn one<S: Storage>() {";
        assert!(has_test(listed, "one") && !has_test(listed, "two"));
    }

    #[test]
    fn tests_are_found_in_an_answer() {
        let answer = "Such as `a/b.rs::c_d`, `plain` and `e.rs::f`";
        assert_eq!(tests_named(answer), [("a/b.rs", "c_d"), ("e.rs", "f")]);
        let table = "| | there | here |\n|---|---|---|\n| B7 | it | `e.rs::f` |\n| C1 | it | x |";
        assert_eq!(rows(table), [Row { fault: "B7", answer: "`e.rs::f`" }]);
    }
}
