//! Points in time as Go writes them in JSON: RFC 3339 in the writer's zone.
//!
//! A time is kept in the parts in which it was written, so that it is written again in the same
//! zone and with the same fraction.

use std::fmt;

/// A Go `time.Time` as far as JSON shows it. The default is Go's zero time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct GoTime {
    year: u16,
    month: u8,
    day: u8,
    hour: u8,
    minute: u8,
    second: u8,
    nanos: u32,
    /// Minutes east of UTC.
    offset: i16,
}

impl Default for GoTime {
    fn default() -> GoTime {
        GoTime { year: 1, month: 1, day: 1, hour: 0, minute: 0, second: 0, nanos: 0, offset: 0 }
    }
}

impl GoTime {
    /// Reads RFC 3339; digits of the fraction after the ninth are dropped, as Go does.
    pub(super) fn parse(text: &str) -> Option<GoTime> {
        let mut rest = text.as_bytes();
        let year = u16::try_from(digits(&mut rest, 4)?).ok()?;
        mark(&mut rest, b"-")?;
        let month = two_digits(&mut rest, 1, 12)?;
        mark(&mut rest, b"-")?;
        let day = two_digits(&mut rest, 1, days_in(year, month))?;
        mark(&mut rest, b"T")?;
        let hour = two_digits(&mut rest, 0, 23)?;
        mark(&mut rest, b":")?;
        let minute = two_digits(&mut rest, 0, 59)?;
        mark(&mut rest, b":")?;
        let second = two_digits(&mut rest, 0, 59)?;
        let nanos = if mark(&mut rest, b".,").is_some() { fraction(&mut rest)? } else { 0 };
        let offset = zone(&mut rest)?;
        rest.is_empty().then_some(())?;
        Some(GoTime { year, month, day, hour, minute, second, nanos, offset })
    }

    /// The time at `unix` seconds, or Go's zero time at 0 and where a year has no four digits.
    pub(super) fn from_unix(unix: u64) -> GoTime {
        let text = if unix == 0 { String::new() } else { crate::time::utc(unix) };
        GoTime::parse(&text).unwrap_or_default()
    }

    /// Seconds since 1970 in UTC.
    pub(super) fn unix(&self) -> i64 {
        let days = days_since_1970(self.year.into(), self.month.into(), self.day.into());
        let minutes = i64::from(self.hour) * 60 + i64::from(self.minute) - i64::from(self.offset);
        days * 86_400 + minutes * 60 + i64::from(self.second)
    }
}

impl fmt::Display for GoTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let GoTime { year, month, day, hour, minute, second, nanos, offset } = *self;
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")?;
        if nanos != 0 {
            let digits = format!("{nanos:09}");
            write!(f, ".{}", digits.trim_end_matches('0'))?;
        }
        if offset == 0 {
            return f.write_str("Z");
        }
        let sign = if offset < 0 { '-' } else { '+' };
        let offset = offset.unsigned_abs();
        write!(f, "{sign}{:02}:{:02}", offset / 60, offset % 60)
    }
}

/// Takes exactly `count` decimal digits.
fn digits(rest: &mut &[u8], count: usize) -> Option<u32> {
    let (head, tail) = rest.split_at_checked(count)?;
    *rest = tail;
    head.iter().try_fold(0_u32, |value, byte| {
        byte.is_ascii_digit().then(|| value * 10 + u32::from(byte - b'0'))
    })
}

fn two_digits(rest: &mut &[u8], min: u8, max: u8) -> Option<u8> {
    let value = u8::try_from(digits(rest, 2)?).ok()?;
    (min..=max).contains(&value).then_some(value)
}

/// Takes one byte if it is one of `allowed`.
fn mark(rest: &mut &[u8], allowed: &[u8]) -> Option<u8> {
    let (first, tail) = rest.split_first()?;
    allowed.contains(first).then(|| {
        *rest = tail;
        *first
    })
}

/// Takes one or more digits and reads the first nine of them as nanoseconds.
fn fraction(rest: &mut &[u8]) -> Option<u32> {
    let count = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (head, tail) = rest.split_at_checked(count)?;
    (count > 0).then_some(())?;
    *rest = tail;
    let padded = head.iter().copied().chain(std::iter::repeat(b'0')).take(9);
    Some(padded.fold(0, |value, byte| value * 10 + u32::from(byte - b'0')))
}

/// Takes the zone: `Z`, or an offset of less than a day, in minutes.
fn zone(rest: &mut &[u8]) -> Option<i16> {
    match mark(rest, b"Z+-")? {
        b'Z' => Some(0),
        sign => {
            let hours = two_digits(rest, 0, 23)?;
            mark(rest, b":")?;
            let minutes = i16::from(hours) * 60 + i16::from(two_digits(rest, 0, 59)?);
            Some(if sign == b'-' { -minutes } else { minutes })
        }
    }
}

fn days_in(year: u16, month: u8) -> u8 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => {
            29
        }
        2 => 28,
        _ => 31,
    }
}

/// Days from 1970-01-01 in the proleptic Gregorian calendar. Years are counted from March, so
/// that the leap day is a year's last; an era is 400 years or 146,097 days.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_go_writes_is_written_again() {
        let texts = [
            "0001-01-01T00:00:00Z",
            "2025-01-26T15:59:58.123456789Z",
            "2025-01-26T13:30:00.005+01:00",
            "2024-02-29T23:59:59-09:30",
            "2025-01-26T13:30:00+23:59",
            "9999-12-31T23:59:59.999999999Z",
        ];
        for text in texts {
            assert_eq!(GoTime::parse(text).map(|time| time.to_string()).as_deref(), Some(text));
        }
        assert_eq!(GoTime::parse("0001-01-01T00:00:00Z"), Some(GoTime::default()));
    }

    #[test]
    fn other_spellings_become_those_of_go() {
        let cases = [
            ("2025-01-26T13:30:00.005000+00:00", "2025-01-26T13:30:00.005Z"),
            ("2025-01-26T13:30:00,5Z", "2025-01-26T13:30:00.5Z"),
            ("2025-01-26T13:30:00.500000000123Z", "2025-01-26T13:30:00.5Z"),
            ("2025-01-26T13:30:00.0-00:00", "2025-01-26T13:30:00Z"),
        ];
        for (text, written) in cases {
            assert_eq!(GoTime::parse(text).map(|time| time.to_string()).as_deref(), Some(written));
        }
    }

    #[test]
    fn what_is_no_time_is_refused() {
        let texts = [
            "",
            "2025",
            "2025-02-30T13:30:00Z",
            "2023-02-29T13:30:00Z",
            "2025-13-01T13:30:00Z",
            "2025-00-01T13:30:00Z",
            "2025-02-20T24:30:00Z",
            "2025-02-20T13:30:60Z",
            "2025-02-20 13:30:00Z",
            "2025-02-20t13:30:00z",
            "2025-02-20T13:30:00",
            "2025-02-20T13:30:00.Z",
            "2025-02-20T13:30:00+24:00",
            "2025-02-20T13:30:00Zx",
            "２025-02-20T13:30:00Z",
        ];
        for text in texts {
            assert_eq!(GoTime::parse(text), None, "{text}");
        }
    }

    #[test]
    fn unix_seconds_are_in_utc() {
        let cases = [
            ("1970-01-01T00:00:00Z", 0),
            ("2025-01-15T11:20:00Z", 1_736_940_000),
            ("2025-01-15T12:20:00.9+01:00", 1_736_940_000),
            ("2024-02-29T00:00:00Z", 1_709_164_800),
            ("1969-12-31T23:59:59Z", -1),
            ("0001-01-01T00:00:00Z", -62_135_596_800),
        ];
        for (text, unix) in cases {
            assert_eq!(GoTime::parse(text).map(|time| time.unix()), Some(unix), "{text}");
        }
    }
}
