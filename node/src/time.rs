//! Times and durations as people read them.

use std::time::{Duration, UNIX_EPOCH};

/// The last second of the year 9999, after which the usual form has no name for a day.
const UNIX_S_MAX: u64 = 253_402_300_799;

/// A time in UTC, such as `2026-11-22T15:31:00Z`.
pub(crate) fn utc(unix_s: u64) -> String {
    match unix_s {
        0..=UNIX_S_MAX => {
            humantime::format_rfc3339_seconds(UNIX_EPOCH + Duration::from_secs(unix_s)).to_string()
        }
        // Nobody's clock says so, but another node's statement may.
        _ => format!("{unix_s} s"),
    }
}

/// A time in UTC, or a dash if it is not known.
pub(crate) fn utc_or_dash(unix_s: Option<u64>) -> String {
    unix_s.map_or_else(|| "-".to_owned(), utc)
}

/// The two greatest units of a duration, such as `3d 4h`.
pub(crate) fn short(seconds: u64) -> String {
    let units = [(86_400, "d"), (3_600, "h"), (60, "m"), (1, "s")];
    let first = units.iter().position(|(size, _)| seconds >= *size).unwrap_or(units.len() - 1);
    let (size, name) = units[first];
    let whole = format!("{}{name}", seconds / size);
    match units.get(first + 1) {
        Some((next, next_name)) if seconds % size >= *next => {
            format!("{whole} {}{next_name}", seconds % size / next)
        }
        _ => whole,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_number_is_some_time() {
        assert_eq!(utc(0), "1970-01-01T00:00:00Z");
        assert_eq!(utc(1_736_940_000), "2025-01-15T11:20:00Z");
        assert_eq!(utc(UNIX_S_MAX), "9999-12-31T23:59:59Z");
        assert_eq!(utc(UNIX_S_MAX + 1), "253402300800 s");
        assert_eq!(utc(u64::MAX), format!("{} s", u64::MAX));
        assert_eq!(utc_or_dash(None), "-");
    }

    #[test]
    fn a_duration_has_its_two_greatest_units() {
        for (seconds, text) in [
            (0, "0s"),
            (59, "59s"),
            (60, "1m"),
            (61, "1m 1s"),
            (3_600, "1h"),
            (3_659, "1h"),
            (7_260, "2h 1m"),
            (86_400 * 3 + 3_600 * 4, "3d 4h"),
            (86_400 + 59, "1d"),
        ] {
            assert_eq!(short(seconds), text);
        }
    }
}
