//! Durations in the Go network's two forms: whole nanoseconds, and words for people.

/// Nanoseconds in a second.
const NANOS_PER_SECOND: i64 = 1_000_000_000;
/// Nanoseconds in a minute.
const NANOS_PER_MINUTE: u64 = 60_000_000_000;

/// Seconds as Go's `time.Duration`; what does not fit becomes the longest duration there is.
pub(super) fn nanos_from_seconds(seconds: u64) -> i64 {
    i64::try_from(seconds).map_or(i64::MAX, |seconds| seconds.saturating_mul(NANOS_PER_SECOND))
}

/// The whole seconds of a duration, or nothing if it is negative.
pub(super) fn seconds_from_nanos(nanos: i64) -> Option<u64> {
    u64::try_from(nanos.div_euclid(NANOS_PER_SECOND)).ok()
}

/// The words of the Go network's `PrettyDuration`: rounded to minutes (half away from zero),
/// never singular, and days or hours left out when they are not positive.
pub(super) fn pretty(nanos: i64) -> String {
    let minutes = (nanos.unsigned_abs() + NANOS_PER_MINUTE / 2) / NANOS_PER_MINUTE;
    let (days, hours, rest) = (minutes / 1440, minutes / 60 % 24, minutes % 60);
    if nanos < 0 {
        // Go's tests for "more than none" fail on negative days and hours: only the rest is shown.
        return if rest == 0 { "0 minutes".to_owned() } else { format!("-{rest} minutes") };
    }
    if days > 0 {
        format!("{days} days {hours} hours {rest} minutes")
    } else if hours > 0 {
        format!("{hours} hours {rest} minutes")
    } else {
        format!("{rest} minutes")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = NANOS_PER_SECOND;

    #[test]
    fn words_are_those_of_the_go_network() {
        let cases = [
            (0, "0 minutes"),
            (29 * SECOND, "0 minutes"),
            (30 * SECOND, "1 minutes"),
            (3600 * SECOND, "1 hours 0 minutes"),
            (86_400 * SECOND, "1 days 0 hours 0 minutes"),
            (963_600_123_456_789, "11 days 3 hours 40 minutes"),
            (-90 * 60 * SECOND, "-30 minutes"),
            (-120 * 60 * SECOND, "0 minutes"),
            (-30 * SECOND, "-1 minutes"),
            (i64::MAX, "106751 days 23 hours 47 minutes"),
            (i64::MIN, "-47 minutes"),
        ];
        for (nanos, words) in cases {
            assert_eq!(pretty(nanos), words, "{nanos} ns");
        }
    }

    #[test]
    fn seconds_that_do_not_fit_become_the_longest_duration() {
        assert_eq!(nanos_from_seconds(2), 2 * SECOND);
        assert_eq!(nanos_from_seconds(u64::MAX), i64::MAX);
        assert_eq!(nanos_from_seconds(1 << 40), i64::MAX);
    }

    #[test]
    fn negative_durations_have_no_seconds() {
        assert_eq!(seconds_from_nanos(1_999_999_999), Some(1));
        assert_eq!(seconds_from_nanos(-1), None);
        assert_eq!(seconds_from_nanos(i64::MIN), None);
    }
}
