//! Text from foreign files: made readable for the JSON parser, and made safe to print.

use std::borrow::Cow;

/// Makes of any bytes what Go's decoder would see: invalid UTF-8 and lone surrogate escapes
/// (`\ud800` without its other half) become U+FFFD, so that one odd string in one record does
/// not cost the whole file. A byte order mark is dropped.
pub(super) fn readable(bytes: &[u8]) -> Cow<'_, str> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let text = String::from_utf8_lossy(bytes);
    if !has_lone_surrogate(text.as_bytes()) {
        return text;
    }
    let mut bytes = text.into_owned().into_bytes();
    let mut from = 0;
    while let Some(at) = next_lone_surrogate(&bytes, from) {
        bytes[at..at + 6].copy_from_slice(b"\\ufffd");
        from = at + 6;
    }
    Cow::Owned(String::from_utf8(bytes).expect("ASCII was replaced by ASCII"))
}

/// Foreign text for one line of a terminal: control characters escaped, cut at `max` characters.
pub(super) fn printable(text: &str, max: usize) -> String {
    let mut shown: String = text.chars().take(max).flat_map(shown_char).collect();
    if text.chars().nth(max).is_some() {
        shown.push('…');
    }
    shown
}

fn shown_char(character: char) -> impl Iterator<Item = char> {
    // Bidirectional overrides reorder what a terminal shows around them.
    let hidden = character.is_control()
        || ('\u{200b}'..='\u{200f}').contains(&character)
        || ('\u{2028}'..='\u{202e}').contains(&character)
        || ('\u{2066}'..='\u{2069}').contains(&character);
    let (plain, escaped) =
        if hidden { (None, Some(character.escape_default())) } else { (Some(character), None) };
    plain.into_iter().chain(escaped.into_iter().flatten())
}

fn has_lone_surrogate(bytes: &[u8]) -> bool {
    next_lone_surrogate(bytes, 0).is_some()
}

/// The position of the first `\uXXXX` at or after `from` that is half of a surrogate pair.
/// Backslashes stand only inside JSON strings, so the text need not be parsed for this.
fn next_lone_surrogate(bytes: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    loop {
        at += bytes.get(at..)?.iter().position(|byte| *byte == b'\\')?;
        match escaped_unit(bytes, at) {
            Some(0xD800..=0xDBFF) => match escaped_unit(bytes, at + 6) {
                Some(0xDC00..=0xDFFF) => at += 12,
                _ => return Some(at),
            },
            Some(0xDC00..=0xDFFF) => return Some(at),
            Some(_) => at += 6,
            None => at += 2,
        }
    }
}

/// The UTF-16 unit of the `\uXXXX` at this position, if there is one.
fn escaped_unit(bytes: &[u8], at: usize) -> Option<u16> {
    let digits = bytes.get(at..at + 6)?.strip_prefix(b"\\u")?;
    let digits = std::str::from_utf8(digits).ok()?;
    digits.bytes().all(|byte| byte.is_ascii_hexdigit()).then_some(())?;
    u16::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sound_text_is_not_copied() {
        let text = r#"{"a":"\ud83d\ude00 \\ud800 \n é"}"#.as_bytes();
        assert!(matches!(readable(text), Cow::Borrowed(same) if same.as_bytes() == text));
    }

    #[test]
    fn lone_surrogates_become_the_replacement_character() {
        let cases = [
            (r#""\ud800""#, r#""\ufffd""#),
            (r#""\ud800\ud83d\ude00\udc00x""#, r#""\ufffd\ud83d\ude00\ufffdx""#),
            (r#""\\\uDFFF""#, r#""\\\ufffd""#),
            (r#""\ud8"#, r#""\ud8"#),
        ];
        for (text, repaired) in cases {
            assert_eq!(readable(text.as_bytes()), repaired);
        }
    }

    #[test]
    fn invalid_utf8_and_byte_order_marks_are_survived() {
        assert_eq!(readable(b"\xef\xbb\xbf{}"), "{}");
        assert_eq!(readable(b"\"\xff\""), "\"\u{fffd}\"");
    }

    #[test]
    fn printed_text_cannot_steer_a_terminal() {
        assert_eq!(printable("a\u{1b}[2Jb\n\u{202e}", 20), "a\\u{1b}[2Jb\\n\\u{202e}");
        assert_eq!(printable("abcdef", 3), "abc…");
        assert_eq!(printable("éé", 2), "éé");
    }
}
