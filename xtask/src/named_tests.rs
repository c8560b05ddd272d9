//! Tests that pages of the documentation name, as `file::name`: they must be there.

use std::fs;
use std::path::Path;

/// The tests that a text names, as file and function.
pub(crate) fn tests_named(text: &str) -> Vec<(&str, &str)> {
    let code = text.split('`').skip(1).step_by(2);
    code.filter_map(|code| code.split_once("::"))
        .filter(|(file, _)| file.ends_with(".rs"))
        .collect()
}

/// What the list begins with of a macro of `core/tests/common` that makes tests.
const LISTS_TESTS: &str = "over_both_storages! {";

/// Whether a source has a test of this name: a function under an attribute that makes it one, or
/// one that a macro which makes tests lists.
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
    let makes_tests = source.contains("#[test] fn $name()") || lines.contains(&LISTS_TESTS);
    let by_macro = makes_tests && listed;
    under_attribute || (by_macro && lines.iter().any(|line| is_it(line)))
}

/// Which of the tests that a text names are missing below `root`, and why.
pub(crate) fn missing(root: &Path, text: &str) -> Vec<String> {
    let missing =
        tests_named(text).into_iter().filter_map(|(file, name)| {
            match fs::read_to_string(root.join(file)) {
                Err(error) => Some(format!("{file}: {error}")),
                Ok(source) if has_test(&source, name) => None,
                Ok(_) => Some(format!("{file} has no test {name}")),
            }
        });
    missing.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::root;

    #[test]
    fn a_test_is_a_function_under_its_attribute_or_in_the_list_of_a_macro() {
        let source =
            "#[test]\nfn one() {}\n    #[tokio::test(flavor = \"x\")]\n    async fn two() {";
        assert!(has_test(source, "one") && has_test(source, "two"));
        assert!(!has_test(source, "on") && !has_test("fn one() {}\n// one,", "one"));
        let listed = "$(#[test] fn $name() { })+\nlist! {\n    one,\n}\nfn one<S: Storage>() {";
        assert!(has_test(listed, "one") && !has_test(listed, "two"));
        let shared = format!("{LISTS_TESTS}\n    one,\n}}\nfn one<S: Storage>() {{");
        assert!(has_test(&shared, "one") && !has_test(&shared, "two"));
    }

    #[test]
    fn tests_are_found_in_a_text() {
        let text = "Such as `a/b.rs::c_d`, `plain`, `Node::list` and `e.rs::f`";
        assert_eq!(tests_named(text), [("a/b.rs", "c_d"), ("e.rs", "f")]);
    }

    #[test]
    fn what_is_missing_is_named() {
        let text = "`xtask/src/named_tests.rs::what_is_missing_is_named`, `no.rs::f`, \
                    `xtask/src/named_tests.rs::no_such_test`";
        let found = missing(root(), text);
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[0].starts_with("no.rs: ") && found[1].ends_with(" has no test no_such_test"));
    }
}
