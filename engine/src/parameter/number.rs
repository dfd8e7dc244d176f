//! Numbers in invariant form, read without a detour over binary fractions.

use rust_decimal::Decimal;

/// The most digits that a Decimal can hold: 96 bits are 28 digits and some of 29.
const DIGITS_MAX: usize = 29;
const SCALE_MAX: i64 = 28;

/// A number taken apart: sign, digits and the power of ten that they stand for.
struct Parts {
    negative: bool,
    /// ASCII digits without leading zeros; empty for zero.
    digits: Vec<u8>,
    /// The value is `digits × 10^exponent`.
    exponent: i64,
}

/// Reads `-12`, `+3.50`, `.5`, `6.02e23`: a sign, digits with at most one point, an exponent.
///
/// No separators, no spaces, no words. Leading zeros are allowed, which JSON itself forbids but
/// form fields contain. `None` for everything else.
fn parts(text: &str) -> Option<Parts> {
    let mut rest = text.as_bytes();
    let negative = rest.first() == Some(&b'-');
    if matches!(rest.first(), Some(b'-' | b'+')) {
        rest = &rest[1..];
    }
    let (mut digits, mut seen, mut exponent, mut point) = (Vec::new(), false, 0_i64, false);
    while let Some((&byte, tail)) = rest.split_first() {
        match byte {
            b'0'..=b'9' => {
                seen = true;
                if byte != b'0' || !digits.is_empty() {
                    digits.push(byte);
                }
                exponent -= i64::from(point);
            }
            b'.' if !point => point = true,
            b'e' | b'E' if seen => {
                exponent = exponent.saturating_add(written_exponent(tail)?);
                break;
            }
            _ => return None,
        }
        rest = tail;
    }
    // `5.` is not JSON and no culture prints it.
    let dangling = text.ends_with('.') || text.contains(".e") || text.contains(".E");
    (seen && !dangling).then_some(Parts {
        negative,
        digits,
        exponent,
    })
}

fn written_exponent(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] | digits => (false, digits),
    };
    if digits.is_empty() {
        return None;
    }
    let mut exponent = 0_i64;
    for digit in digits {
        if !digit.is_ascii_digit() {
            return None;
        }
        exponent = exponent
            .saturating_mul(10)
            .saturating_add(i64::from(digit - b'0'));
    }
    Some(if negative { -exponent } else { exponent })
}

/// What became of a text that should be a number.
#[derive(Debug, PartialEq)]
pub(super) enum Reading<T> {
    /// The number, exactly.
    Exact(T),
    /// A number, but one that the type cannot hold.
    OutOfRange,
    /// No number in invariant form.
    NotANumber,
}

/// The whole number that `text` stands for; `1.0` and `1e3` are whole, as in JSON Schema.
pub(super) fn integer(text: &str) -> Reading<i64> {
    if let Ok(number) = text.parse() {
        return Reading::Exact(number); // by far the most common form
    }
    match decimal(text) {
        Reading::Exact(number) if number.fract().is_zero() => {
            i64::try_from(number).map_or(Reading::OutOfRange, Reading::Exact)
        }
        Reading::Exact(_) | Reading::OutOfRange => Reading::OutOfRange,
        Reading::NotANumber => Reading::NotANumber,
    }
}

/// The Decimal that `text` stands for, with its trailing zeros; never rounded.
pub(super) fn decimal(text: &str) -> Reading<Decimal> {
    let Some(Parts {
        negative,
        mut digits,
        mut exponent,
    }) = parts(text)
    else {
        return Reading::NotANumber;
    };
    if digits.is_empty() {
        let scale = exponent.clamp(-SCALE_MAX, 0).unsigned_abs();
        return match scaled(0, scale) {
            Some(zero) => Reading::Exact(zero),
            None => Reading::OutOfRange,
        };
    }
    loop {
        if let Some(number) = compose(negative, &digits, exponent) {
            return Reading::Exact(number);
        }
        // Zeros at the end go only where the number does not fit otherwise.
        if digits.pop() != Some(b'0') {
            return Reading::OutOfRange;
        }
        exponent += 1;
    }
}

fn compose(negative: bool, digits: &[u8], exponent: i64) -> Option<Decimal> {
    let zeros = usize::try_from(exponent.max(0)).ok()?;
    if -exponent > SCALE_MAX || digits.len().checked_add(zeros)? > DIGITS_MAX {
        return None;
    }
    let magnitude = digits
        .iter()
        .chain(std::iter::repeat_n(&b'0', zeros))
        .fold(0_i128, |number, digit| {
            number * 10 + i128::from(digit - b'0')
        });
    let mantissa = if negative { -magnitude } else { magnitude };
    scaled(mantissa, exponent.min(0).unsigned_abs())
}

fn scaled(mantissa: i128, scale: u64) -> Option<Decimal> {
    Decimal::try_from_i128_with_scale(mantissa, u32::try_from(scale).ok()?).ok()
}

/// The Double nearest to `text`, if that is finite.
pub(super) fn double(text: &str) -> Reading<f64> {
    // Rust also reads "NaN" and "inf"; `parts` keeps words out.
    if parts(text).is_none() {
        return Reading::NotANumber;
    }
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() => Reading::Exact(number),
        Ok(_) => Reading::OutOfRange,
        Err(_) => Reading::NotANumber,
    }
}
