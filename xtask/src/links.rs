//! Links between the Markdown pages: each must lead to a file that is there.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// Folders that hold no pages of the project.
const SKIPPED: [&str; 2] = ["target", ".git"];

/// Every link to a missing file, as "page: link".
pub(crate) fn broken(root: &Path) -> Result<Vec<String>> {
    let mut broken = Vec::new();
    for page in pages(root)? {
        let text =
            fs::read_to_string(&page).with_context(|| format!("cannot read {}", page.display()))?;
        let folder = page.parent().unwrap_or(root);
        for link in links(&text) {
            if !folder.join(link).exists() {
                let page = page.strip_prefix(root).unwrap_or(&page);
                broken.push(format!("{}: {link}", page.display()));
            }
        }
    }
    Ok(broken)
}

/// All Markdown files below a folder.
fn pages(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut pages = Vec::new();
    let entries = fs::read_dir(folder);
    for entry in entries.with_context(|| format!("cannot list {}", folder.display()))? {
        let path = entry?.path();
        let is_skipped = path.file_name().is_some_and(|name| SKIPPED.iter().any(|s| name == *s));
        if path.is_dir() && !is_skipped {
            pages.extend(self::pages(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "md") {
            pages.push(path);
        }
    }
    pages.sort_unstable();
    Ok(pages)
}

/// The targets of a page's `[text](target)` links that are files, without their `#section`.
/// Blocks of code hold none.
fn links(text: &str) -> Vec<&str> {
    let mut in_code = false;
    let prose = text.lines().filter(move |line| {
        let is_fence = line.trim_start().starts_with("```");
        in_code ^= is_fence;
        !in_code && !is_fence
    });
    prose.flat_map(links_of_line).collect()
}

fn links_of_line(line: &str) -> impl Iterator<Item = &str> {
    let targets = line.split("](").skip(1).filter_map(|rest| rest.split([')', ' ']).next());
    let files = targets.map(|target| target.split('#').next().unwrap_or_default());
    files.filter(|file| !file.is_empty() && !file.contains("://") && !file.starts_with("mailto:"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_to_files_are_found() {
        let text = "See [a](docs/a.md), [b](b.md#part) and [c](#here).\n\
                    [web](https://example.org/x) ![picture](p.png \"title\")\n\
                    ```\n[code](no.md)\n```\n[d](d.md)";
        assert_eq!(links(text), ["docs/a.md", "b.md", "p.png", "d.md"]);
    }

    #[test]
    fn a_link_to_nowhere_is_reported_with_its_page() {
        let folder = std::env::temp_dir().join(format!("xtask-links-{}", std::process::id()));
        fs::create_dir_all(folder.join("docs")).expect("a folder for the test");
        fs::write(folder.join("a.md"), "[b](docs/b.md) [no](docs/no.md)").expect("our folder");
        fs::write(folder.join("docs/b.md"), "[a](../a.md) [no](../no.md)").expect("our folder");
        let found = broken(&folder);
        fs::remove_dir_all(&folder).expect("our folder");
        assert_eq!(found.expect("readable"), ["a.md: docs/no.md", "docs/b.md: ../no.md"]);
    }
}
