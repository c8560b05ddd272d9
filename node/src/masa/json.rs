//! JSON in the bytes of Go's `encoding/json`.

use std::fmt::Write as _;

use serde_json::Value;

/// Writes a string with Go's escapes: those of JSON, and `<`, `>`, `&`, U+2028 and U+2029 so
/// that the text is safe inside HTML.
pub(super) fn write_string(out: &mut String, text: &str) {
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\0'..='\u{1f}' | '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                push(out, format_args!("\\u{:04x}", u32::from(character)));
            }
            _ => out.push(character),
        }
    }
    out.push('"');
}

/// Writes any value as Go does after decoding it into an `interface{}`: object keys sorted by
/// their bytes, numbers as float64.
pub(super) fn write_value(out: &mut String, value: &Value) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(value) => push(out, format_args!("{value}")),
        Value::Number(number) => {
            // Without arbitrary precision every JSON number that parsed has a float64.
            write_float(out, number.as_f64().unwrap_or_default());
        }
        Value::String(text) => write_string(out, text),
        Value::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write_value(out, item);
            }
            out.push(']');
        }
        Value::Object(fields) => {
            let mut fields: Vec<_> = fields.iter().collect();
            fields.sort_unstable_by_key(|(name, _)| name.as_str());
            out.push('{');
            for (index, (name, field)) in fields.into_iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write_string(out, name);
                out.push(':');
                write_value(out, field);
            }
            out.push('}');
        }
    }
}

/// Writes a float64 in its shortest digits, with an exponent below 1e-6 and from 1e21 on.
fn write_float(out: &mut String, value: f64) {
    let magnitude = value.abs();
    if magnitude == 0.0 || (1e-6..1e21).contains(&magnitude) {
        push(out, format_args!("{value}"));
        return;
    }
    let text = format!("{value:e}");
    match text.split_once('e') {
        Some((digits, exponent)) if !exponent.starts_with('-') => {
            push(out, format_args!("{digits}e+{exponent}"));
        }
        _ => out.push_str(&text),
    }
}

/// Appends formatted text.
pub(super) fn push(out: &mut String, arguments: std::fmt::Arguments<'_>) {
    out.write_fmt(arguments).expect("a String takes all text");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(json: &str) -> String {
        let value = serde_json::from_str(json).expect("the test's JSON is sound");
        let mut out = String::new();
        write_value(&mut out, &value);
        out
    }

    #[test]
    fn strings_are_escaped_as_go_does() {
        let mut out = String::new();
        write_string(&mut out, "<&>\u{2028}\u{2029}\u{8}\u{c}\n\r\t\u{1}\u{7f}\"\\/é😀");
        assert_eq!(
            out,
            "\"\\u003c\\u0026\\u003e\\u2028\\u2029\\b\\f\\n\\r\\t\\u0001\u{7f}\\\"\\\\/é😀\""
        );
    }

    #[test]
    fn numbers_are_float64_in_go_form() {
        let cases = [
            ("1e21", "1e+21"),
            ("-1.5e300", "-1.5e+300"),
            ("1e20", "100000000000000000000"),
            ("123456789012345678901", "123456789012345680000"),
            ("0.000001", "0.000001"),
            ("0.0000001", "1e-7"),
            ("-0", "-0"),
            ("-0.0", "-0"),
            ("1.50", "1.5"),
            ("100", "100"),
            ("5e-324", "5e-324"),
            ("1.7976931348623157e308", "1.7976931348623157e+308"),
            ("9007199254740993", "9007199254740992"),
            ("18446744073709551615", "18446744073709552000"),
        ];
        for (json, go) in cases {
            assert_eq!(written(json), go, "{json}");
        }
    }

    #[test]
    fn keys_are_sorted_and_spaces_dropped() {
        assert_eq!(
            written(r#"{ "b" : [1, {"z":null,"Z":true}], "é":"<", "a":{} }"#),
            r#"{"a":{},"b":[1,{"Z":true,"z":null}],"é":"\u003c"}"#
        );
    }
}
