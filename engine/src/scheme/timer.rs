//! Values of timers.
//!
//! In: a kind and a text that is no `@Name`. Out: when the timer fires, relative or absolute.
//! All times are UTC.

use std::time::Duration;

use time::{Date, Month, OffsetDateTime, Time};

use super::TimerKind;
use crate::parameter::parse_date_time;

/// When a timer fires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// So long after it is armed; zero for an immediate one.
    After(Duration),
    /// At the next such time of day.
    Daily(Time),
    /// At that moment; at once when it is past.
    At(OffsetDateTime),
}

/// Reads the value of a timer; `None` when it is of another form, and for
/// [`TimerKind::Expression`].
///
/// - Interval: a sum such as `1d 2h 4m 30s` or `10minutes`; a bare number is milliseconds.
/// - Time: `12:51`, `12:51:00`.
/// - Date: `12/17/2014` (month first) or `2014-12-17`.
/// - Date and time: `12/16/2014 12:50:00` or ISO 8601, whose offset counts.
pub fn due(kind: TimerKind, text: &str) -> Option<Due> {
    let text = text.trim();
    match kind {
        TimerKind::Immediate => Some(Due::After(Duration::ZERO)),
        TimerKind::Interval => interval(text).map(Due::After),
        TimerKind::Time => time_of_day(text).map(Due::Daily),
        TimerKind::Date => date(text).map(|date| Due::At(date.midnight().assume_utc())),
        TimerKind::DateAndTime => moment(text).map(Due::At),
        TimerKind::Expression => None,
    }
}

fn interval(text: &str) -> Option<Duration> {
    if let Ok(milliseconds) = text.parse() {
        return Some(Duration::from_millis(milliseconds));
    }
    let mut rest = text;
    let mut sum = Duration::ZERO;
    while !rest.is_empty() {
        let (number, tail) = split_while(rest, |c| c.is_ascii_digit());
        let (unit, tail) = split_while(tail.trim_start(), |c| c.is_ascii_alphabetic());
        let milliseconds = match unit.to_ascii_lowercase().as_str() {
            "d" | "day" | "days" => 86_400_000,
            "h" | "hour" | "hours" => 3_600_000,
            "m" | "minute" | "minutes" => 60_000,
            "s" | "second" | "seconds" => 1_000,
            "ms" | "millisecond" | "milliseconds" => 1,
            _ => return None,
        };
        let part = number.parse::<u64>().ok()?.checked_mul(milliseconds)?;
        sum = sum.checked_add(Duration::from_millis(part))?;
        rest = tail.trim_start();
    }
    (!text.is_empty()).then_some(sum)
}

fn split_while(text: &str, holds: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(|c| !holds(c)).unwrap_or(text.len()))
}

/// A number of one or two digits.
fn number(text: &str) -> Option<u8> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    (digits && matches!(text.len(), 1 | 2)).then(|| text.parse().ok())?
}

fn time_of_day(text: &str) -> Option<Time> {
    let mut parts = text.split(':');
    let hour = number(parts.next()?)?;
    let minute = number(parts.next()?)?;
    let second = parts.next().map_or(Some(0), number)?;
    let whole = parts.next().is_none();
    whole.then(|| Time::from_hms(hour, minute, second).ok())?
}

/// The invariant culture writes the month first.
fn date(text: &str) -> Option<Date> {
    let Some((month, rest)) = text.split_once('/') else {
        let iso = (text.len() == 10).then(|| parse_date_time(text))??;
        return Some(iso.date());
    };
    let (day, year) = rest.split_once('/')?;
    let digits = year.len() == 4 && year.bytes().all(|byte| byte.is_ascii_digit());
    let year = digits.then(|| year.parse().ok())??;
    let month = Month::try_from(number(month)?).ok()?;
    Date::from_calendar_date(year, month, number(day)?).ok()
}

fn moment(text: &str) -> Option<OffsetDateTime> {
    if let Some(at) = parse_date_time(text) {
        return Some(at);
    }
    match text.split_once(' ') {
        Some((day, time)) => Some(date(day)?.with_time(time_of_day(time.trim())?).assume_utc()),
        None => Some(date(text)?.midnight().assume_utc()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// When a timer of that kind and value fires, in words.
    fn told(kind: TimerKind, text: &str) -> Option<String> {
        Some(match due(kind, text)? {
            Due::After(interval) => format!("after {} ms", interval.as_millis()),
            Due::Daily(time) => format!(
                "daily {:02}:{:02}:{:02}",
                time.hour(),
                time.minute(),
                time.second()
            ),
            Due::At(at) => format!("at {}", crate::parameter::Iso8601(at)),
        })
    }

    #[test]
    fn an_interval_is_a_sum_of_units_or_milliseconds() {
        for (text, want) in [
            ("0", Some("after 0 ms")),
            ("120000", Some("after 120000 ms")),
            ("2s", Some("after 2000 ms")),
            ("10minutes", Some("after 600000 ms")),
            ("10 Minutes", Some("after 600000 ms")),
            ("1d 2h 4m 30s", Some("after 93870000 ms")),
            (
                "1day2hours4minutes30seconds5milliseconds",
                Some("after 93870005 ms"),
            ),
            ("1hour 1 millisecond", Some("after 3600001 ms")),
            ("5ms 5ms", Some("after 10 ms")),
            (" 7s ", Some("after 7000 ms")),
            ("", None),
            ("d", None),
            ("1", Some("after 1 ms")),
            ("1d 2", None),
            ("1.5h", None),
            ("-1s", None),
            ("1w", None),
            ("soon", None),
            ("1s,", None),
            ("99999999999999999999s", None),
            ("18446744073709551615d", None),
            ("\u{e4}s", None),
        ] {
            assert_eq!(told(TimerKind::Interval, text).as_deref(), want, "{text}");
        }
    }

    #[test]
    fn times_and_dates_are_utc_in_the_invariant_form_or_iso_8601() {
        use TimerKind::{Date, DateAndTime, Time};
        for (kind, text, want) in [
            (Time, "12:51:00", Some("daily 12:51:00")),
            (Time, "7:05", Some("daily 07:05:00")),
            (Time, "24:00:00", None),
            (Time, "12", None),
            (Time, "12:51:00:00", None),
            (Time, "+1:00", None),
            (Date, "12/17/2014", Some("at 2014-12-17T00:00:00Z")),
            (Date, "1/7/2014", Some("at 2014-01-07T00:00:00Z")),
            (Date, "2014-12-17", Some("at 2014-12-17T00:00:00Z")),
            (Date, "17/12/2014", None),
            (Date, "2/30/2014", None),
            (Date, "12/17/14", None),
            (Date, "2014-12-17T00:00:00Z", None),
            (
                DateAndTime,
                "12/16/2014 12:50:00",
                Some("at 2014-12-16T12:50:00Z"),
            ),
            (
                DateAndTime,
                "2014-12-16T12:50:00+02:00",
                Some("at 2014-12-16T10:50:00Z"),
            ),
            (DateAndTime, "12/16/2014", Some("at 2014-12-16T00:00:00Z")),
            (DateAndTime, "12/16/2014 noon", None),
            (TimerKind::Immediate, "", Some("after 0 ms")),
            (TimerKind::Expression, "@A", None),
        ] {
            assert_eq!(told(kind, text).as_deref(), want, "{text}");
        }
    }
}
