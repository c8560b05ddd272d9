//! The oldest C library that a shared library runs with.

use anyhow::{Context, Result};
use object::elf::FileHeader64;
use object::read::elf::FileHeader as _;

/// Before the number of a version of the GNU C library.
const PREFIX: &str = "GLIBC_";

/// The newest version of the GNU C library of which the library uses something.
pub(crate) fn floor(library: &[u8]) -> Result<String> {
    let header = FileHeader64::<object::Endianness>::parse(library).context("no ELF library")?;
    let endian = header.endian()?;
    let sections = header.sections(endian, library)?;
    let mut newest = None;
    if let Some((mut needed, strings)) = sections.gnu_verneed(endian, library)? {
        let strings = sections.strings(endian, library, strings)?;
        while let Some((_, mut versions)) = needed.next()? {
            while let Some(version) = versions.next()? {
                newest = newest.max(number(version.name(endian, strings)?));
            }
        }
    }
    let (major, minor) = newest.context("it uses nothing of the GNU C library")?;
    Ok(format!("{major}.{minor}"))
}

/// The number in a name as `GLIBC_2.17`.
fn number(name: &[u8]) -> Option<(u32, u32)> {
    let text = std::str::from_utf8(name).ok()?.strip_prefix(PREFIX)?;
    let mut parts = text.split('.').map(str::parse::<u32>);
    let major = parts.next()?.ok()?;
    let minor = parts.next().and_then(Result::ok).unwrap_or(0);
    Some((major, minor))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_as_numbers() {
        assert_eq!(number(b"GLIBC_2.17"), Some((2, 17)));
        assert!(number(b"GLIBC_2.4") < number(b"GLIBC_2.34"));
        assert_eq!(number(b"GLIBC_2.2.5"), Some((2, 2)));
        for other in [&b"GCC_3.0"[..], b"GLIBC_PRIVATE", b""] {
            assert_eq!(number(other), None);
        }
    }

    #[test]
    fn this_program_says_what_it_needs() {
        let program = std::env::current_exe().expect("a path");
        let bytes = std::fs::read(program).expect("our own file");
        if cfg!(target_env = "gnu") {
            assert!(floor(&bytes).expect("a version").starts_with("2."));
        }
        assert!(floor(b"no library").is_err());
    }
}
