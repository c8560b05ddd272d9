//! Pages of the documentation that keep what a command printed.

use std::fs;

use anyhow::{Context, Result};

use crate::run::root;

/// Puts `figures` between the lines `begin` and `end` of a page.
pub(crate) fn replace(page: &str, begin: &str, end: &str, figures: &str) -> Result<()> {
    let path = root().join(page);
    let text = fs::read_to_string(&path).with_context(|| format!("{page} cannot be read"))?;
    let text = replaced(&text, begin, end, figures)
        .with_context(|| format!("{page} has no place for figures between {begin} and {end}"))?;
    fs::write(&path, text).with_context(|| format!("{page} cannot be written"))
}

fn replaced(text: &str, begin: &str, end: &str, figures: &str) -> Option<String> {
    let (before, rest) = text.split_once(begin)?;
    let (_, after) = rest.split_once(end)?;
    Some(format!("{before}{begin}\n\n{figures}\n\n{end}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_between_the_lines_is_replaced() {
        let page = "a\n<!-- x -->\n\nold\n\n<!-- y -->\nb";
        let new = replaced(page, "<!-- x -->", "<!-- y -->", "new").expect("there is a place");
        assert_eq!(new, "a\n<!-- x -->\n\nnew\n\n<!-- y -->\nb");
        assert_eq!(replaced(page, "<!-- y -->", "<!-- x -->", "new"), None);
    }
}
