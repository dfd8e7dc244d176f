//! Durations, sizes and rates as people write them.
//!
//! In: the text of a value. Out: the value, or `None` when it is not of the form; bounds are the
//! reader's to check.

use std::time::Duration;

/// A token bucket, `"10/s burst 50"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Tokens that come in each second.
    pub per_second: u32,
    /// Tokens that it holds.
    pub burst: u32,
}

/// Least bytes a second, once some time has passed: `"1KiB/s after 60s"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flow {
    /// Bytes each second.
    pub per_second: u64,
    /// How long it is not yet asked for.
    pub after: Option<Duration>,
}

/// `"30s"`, `"5m"`, `"1h30m"`, `"250ms"`, `"2d"`; units in that order, no fractions.
pub fn duration(text: &str) -> Option<Duration> {
    const UNITS: [(&str, u64); 5] = [
        ("d", 86_400_000),
        ("h", 3_600_000),
        ("m", 60_000),
        ("s", 1_000),
        ("ms", 1),
    ];
    let mut rest = text.trim();
    let mut millis = 0_u64;
    let mut next_unit = 0;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let (number, after) = digits(rest)?;
        let unit_length = after
            .find(|c: char| !c.is_ascii_alphabetic())
            .unwrap_or(after.len());
        let (unit, after) = after.split_at(unit_length);
        let place = UNITS
            .iter()
            .position(|(name, _)| name.eq_ignore_ascii_case(unit))?;
        if place < next_unit {
            return None;
        }
        next_unit = place + 1;
        let (_, factor) = UNITS.get(place)?;
        millis = millis.checked_add(number.checked_mul(*factor)?)?;
        rest = after.trim_start();
    }
    Some(Duration::from_millis(millis))
}

/// `"64KiB"`, `"16 MiB"`, `"1GB"`, `"512B"`, `"1024"`; units are powers of 1024 with an `i`.
pub fn size(text: &str) -> Option<u64> {
    const UNITS: [(&str, u64); 8] = [
        ("", 1),
        ("B", 1),
        ("KiB", 1 << 10),
        ("MiB", 1 << 20),
        ("GiB", 1 << 30),
        ("KB", 1_000),
        ("MB", 1_000_000),
        ("GB", 1_000_000_000),
    ];
    let (number, unit) = digits(text.trim())?;
    let unit = unit.trim_start();
    let (_, factor) = UNITS
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(unit))?;
    number.checked_mul(*factor)
}

/// `"10/s burst 50"`, or `"10/s"`, whose burst is one second's worth.
pub fn rate(text: &str) -> Option<Rate> {
    let (per_second, rest) = digits(text.trim())?;
    let per_second = u32::try_from(per_second).ok()?;
    let rest = rest.trim_start().strip_prefix("/s")?.trim();
    let burst = if rest.is_empty() {
        per_second
    } else {
        let (burst, rest) = digits(rest.strip_prefix("burst ")?.trim_start())?;
        if !rest.is_empty() {
            return None;
        }
        u32::try_from(burst).ok()?
    };
    (per_second > 0 && burst > 0).then_some(Rate { per_second, burst })
}

/// `"1KiB/s after 60s"`, or without the time.
pub fn flow(text: &str) -> Option<Flow> {
    let (bytes, rest) = text.split_once("/s")?;
    let rest = rest.trim();
    let after = if rest.is_empty() {
        None
    } else {
        Some(duration(rest.strip_prefix("after ")?)?)
    };
    Some(Flow {
        per_second: size(bytes)?,
        after,
    })
}

/// The shortest exact form of a number of bytes.
pub(crate) fn size_text(bytes: u64) -> String {
    for (unit, shift) in [("GiB", 30), ("MiB", 20), ("KiB", 10)] {
        if bytes > 0 && bytes.trailing_zeros() >= shift {
            return format!("{}{unit}", bytes >> shift);
        }
    }
    format!("{bytes}B")
}

/// Leading decimal digits and what follows.
fn digits(text: &str) -> Option<(u64, &str)> {
    let length = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, rest) = text.split_at(length);
    Some((number.parse().ok()?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_units_in_falling_order() {
        for (text, want) in [
            ("30s", Some(30_000)),
            ("5m", Some(300_000)),
            ("1h", Some(3_600_000)),
            ("1h30m", Some(5_400_000)),
            ("1h 30m", Some(5_400_000)),
            ("250ms", Some(250)),
            ("1s250ms", Some(1_250)),
            ("2d", Some(172_800_000)),
            ("0s", Some(0)),
            ("30", None),
            ("", None),
            ("-1s", None),
            ("1.5s", None),
            ("1m1h", None),
            ("1s1s", None),
            ("s", None),
            ("1 year", None),
            ("99999999999999999999s", None),
            ("18446744073709551615d", None),
        ] {
            assert_eq!(duration(text), want.map(Duration::from_millis), "{text:?}");
        }
    }

    #[test]
    fn sizes_are_bytes_with_a_binary_or_decimal_unit() {
        for (text, want) in [
            ("64KiB", Some(65_536)),
            ("16 MiB", Some(16_777_216)),
            ("1kb", Some(1_000)),
            ("512B", Some(512)),
            ("7", Some(7)),
            ("1GiB", Some(1 << 30)),
            ("", None),
            ("KiB", None),
            ("1.5KiB", None),
            ("1TiB", None),
            ("18446744073709551615KiB", None),
        ] {
            assert_eq!(size(text), want, "{text:?}");
        }
        for bytes in [0, 1, 1_024, 65_536, 1_000, 3 << 30] {
            assert_eq!(size(&size_text(bytes)), Some(bytes));
        }
    }

    #[test]
    fn rates_have_a_burst_and_flows_a_grace() {
        let some = |per_second, burst| Some(Rate { per_second, burst });
        for (text, want) in [
            ("10/s burst 50", some(10, 50)),
            ("10/s", some(10, 10)),
            ("0/s", None),
            ("10/s burst 0", None),
            ("10", None),
            ("10/m", None),
            ("10/s burst 5 x", None),
        ] {
            assert_eq!(rate(text), want, "{text:?}");
        }
        assert_eq!(
            flow("1KiB/s after 60s"),
            Some(Flow {
                per_second: 1_024,
                after: Some(Duration::from_secs(60))
            })
        );
        assert_eq!(
            flow("5/s"),
            Some(Flow {
                per_second: 5,
                after: None
            })
        );
        for text in ["5", "5/s for 3s", "x/s", "5/s after", "5/s after x"] {
            assert_eq!(flow(text), None, "{text:?}");
        }
    }
}
