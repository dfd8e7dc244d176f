//! Moments in ISO 8601, always UTC inside.

use std::fmt;

use time::{Date, Month, OffsetDateTime, PrimitiveDateTime, Time, UtcOffset};

/// Reads a moment: `2026-01-31`, `2026-01-31T10:20`, `…:30`, `…:30.1234567`, then nothing or `Z`
/// (both UTC) or an offset (`+02:00`, `+0200`, `+02`), which is converted to UTC.
///
/// The `T` may be a space or in lower case. Years have four digits; a fraction has up to nine.
/// `None` when the text is of another form or the moment lies outside the years 0001 to 9999.
pub fn parse_date_time(text: &str) -> Option<OffsetDateTime> {
    let mut cursor = Cursor(text.as_bytes());
    let date = cursor.date()?;
    let (time, offset) = match cursor.take() {
        None => (Time::MIDNIGHT, UtcOffset::UTC),
        Some(b'T' | b't' | b' ') => (cursor.time()?, cursor.offset()?),
        Some(_) => return None,
    };
    if !cursor.0.is_empty() {
        return None;
    }
    let utc = PrimitiveDateTime::new(date, time)
        .assume_offset(offset)
        .checked_to_offset(UtcOffset::UTC)?;
    (1..=9999).contains(&utc.year()).then_some(utc)
}

struct Cursor<'a>(&'a [u8]);

impl Cursor<'_> {
    fn take(&mut self) -> Option<u8> {
        let (&first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(first)
    }

    fn skip(&mut self, byte: u8) -> Option<()> {
        (self.take()? == byte).then_some(())
    }

    fn skip_if(&mut self, byte: u8) -> bool {
        let found = self.0.first() == Some(&byte);
        if found {
            self.0 = &self.0[1..];
        }
        found
    }

    /// A number of exactly `digits` digits, at most four.
    fn number(&mut self, digits: usize) -> Option<u16> {
        let mut number = 0;
        for _ in 0..digits {
            let digit = self.take()?;
            if !digit.is_ascii_digit() {
                return None;
            }
            number = number * 10 + u16::from(digit - b'0');
        }
        Some(number)
    }

    fn two(&mut self) -> Option<u8> {
        self.number(2).and_then(|number| u8::try_from(number).ok())
    }

    fn date(&mut self) -> Option<Date> {
        let year = self.number(4)?;
        self.skip(b'-')?;
        let month = Month::try_from(self.two()?).ok()?;
        self.skip(b'-')?;
        Date::from_calendar_date(i32::from(year), month, self.two()?).ok()
    }

    fn time(&mut self) -> Option<Time> {
        let hour = self.two()?;
        self.skip(b':')?;
        let minute = self.two()?;
        if !self.skip_if(b':') {
            return Time::from_hms(hour, minute, 0).ok();
        }
        let second = self.two()?;
        let mut nanosecond = 0;
        if self.skip_if(b'.') {
            let digits = self.0.iter().take_while(|byte| byte.is_ascii_digit());
            let digits = digits.count();
            if !(1..=9).contains(&digits) {
                return None;
            }
            for place in 0..9 {
                let digit = if place < digits {
                    self.take()? - b'0'
                } else {
                    0
                };
                nanosecond = nanosecond * 10 + u32::from(digit);
            }
        }
        Time::from_hms_nano(hour, minute, second, nanosecond).ok()
    }

    fn offset(&mut self) -> Option<UtcOffset> {
        let sign = match self.take() {
            None | Some(b'Z' | b'z') => return Some(UtcOffset::UTC),
            Some(b'+') => 1,
            Some(b'-') => -1,
            Some(_) => return None,
        };
        let hours = i8::try_from(self.two()?).ok()?;
        let colon = self.skip_if(b':');
        let minutes = if colon || !self.0.is_empty() {
            i8::try_from(self.two()?).ok()?
        } else {
            0
        };
        // ±14:00 is the widest offset in use, and the widest that .NET takes.
        if hours > 14 || minutes > 59 || (hours == 14 && minutes > 0) {
            return None;
        }
        UtcOffset::from_hms(sign * hours, sign * minutes, 0).ok()
    }
}

/// Writes a moment as the API does: ISO 8601 in UTC with `Z`, the fraction as short as it is.
#[derive(Clone, Copy, Debug)]
pub struct Iso8601(pub OffsetDateTime);

impl fmt::Display for Iso8601 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let utc = self.0.to_offset(UtcOffset::UTC);
        let (date, time) = (utc.date(), utc.time());
        write!(
            f,
            "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}",
            date.year(),
            u8::from(date.month()),
            date.day(),
            time.hour(),
            time.minute(),
            time.second()
        )?;
        let nanosecond = time.nanosecond();
        if nanosecond != 0 {
            let digits = format!("{nanosecond:09}");
            write!(f, ".{}", digits.trim_end_matches('0'))?;
        }
        f.write_str("Z")
    }
}
