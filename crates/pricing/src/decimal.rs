//! Decimal numbers as they are written, without a float anywhere.
//!
//! Owns the reading of digits; what they are worth is decided by `money` and `rate`.

use std::fmt;
use std::str::FromStr;

/// The most digits that a number may have. With the largest factor of the crate, ten to the twelfth, they fit into 127 bits.
const DIGITS_MAX: usize = 24;

/// The most digits behind the point. AWS publishes ten, for a thousand tokens.
const SCALE_MAX: u32 = 18;

/// A number with a point: `mantissa` divided by ten to the power of `scale`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Decimal {
    mantissa: i128,
    scale: u32,
}

/// A text that is no decimal number.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a decimal number: write digits with at most one point, such as \"0.000035\"")]
pub struct DecimalError(String);

impl Decimal {
    /// The digits without their point, and their sign.
    #[must_use]
    pub fn mantissa(self) -> i128 {
        self.mantissa
    }

    /// How many of the digits stand behind the point, at most 18.
    #[must_use]
    pub fn scale(self) -> u32 {
        self.scale
    }
}

impl FromStr for Decimal {
    type Err = DecimalError;

    /// Reads `-?digits[.digits]`. Zeros at the end behind the point are dropped, so that `0.0000350000` is `0.000035`.
    fn from_str(text: &str) -> Result<Self, DecimalError> {
        let error = || DecimalError(text.to_owned());
        let (is_negative, unsigned) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (whole, fraction) = match unsigned.split_once('.') {
            Some((_, "")) => return Err(error()),
            Some(parts) => parts,
            None => (unsigned, ""),
        };
        let fraction = fraction.trim_end_matches('0');
        let is_digits = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty()
            || !is_digits(whole)
            || !is_digits(fraction)
            || whole.len() + fraction.len() > DIGITS_MAX
        {
            return Err(error());
        }
        let scale = u32::try_from(fraction.len()).map_err(|_| error())?;
        let mantissa: i128 = format!("{whole}{fraction}").parse().map_err(|_| error())?;
        if scale > SCALE_MAX {
            return Err(error());
        }
        Ok(Self { mantissa: if is_negative { -mantissa } else { mantissa }, scale })
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_decimal(f, self.mantissa, self.scale)
    }
}

/// Writes `mantissa` with a point before its last `scale` digits, zeros at the end included.
pub(crate) fn write_decimal(f: &mut fmt::Formatter<'_>, mantissa: i128, scale: u32) -> fmt::Result {
    let sign = if mantissa < 0 { "-" } else { "" };
    let width = usize::try_from(scale).unwrap_or(usize::MAX).saturating_add(1);
    let digits = format!("{:0>width$}", mantissa.unsigned_abs());
    let (whole, fraction) = digits.split_at(digits.len().saturating_sub(width.saturating_sub(1)));
    if fraction.is_empty() { write!(f, "{sign}{whole}") } else { write!(f, "{sign}{whole}.{fraction}") }
}

/// `numerator` divided by `denominator`, which is above zero, to the nearest whole number, and to the even one of two that are as near.
pub(crate) fn divide_half_even(numerator: i128, denominator: i128) -> i128 {
    let (quotient, rest) = (numerator.div_euclid(denominator), numerator.rem_euclid(denominator));
    // `rest` is below `denominator`, so this difference cannot overflow where twice the rest could.
    match rest.cmp(&(denominator - rest)) {
        std::cmp::Ordering::Less => quotient,
        std::cmp::Ordering::Greater => quotient + 1,
        std::cmp::Ordering::Equal => quotient + quotient.rem_euclid(2),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("0", 0, 0)]
    #[case("0.0000350000", 35, 6)]
    #[case("12", 12, 0)]
    #[case("12.50", 125, 1)]
    #[case("-0.25", -25, 2)]
    #[case("007", 7, 0)]
    fn digits_are_read_as_they_stand(#[case] text: &str, #[case] mantissa: i128, #[case] scale: u32) {
        let read: Decimal = text.parse().unwrap();
        assert_eq!((read.mantissa(), read.scale()), (mantissa, scale));
    }

    #[rstest]
    #[case("")]
    #[case("-")]
    #[case(".5")]
    #[case("5.")]
    #[case("1e-8")]
    #[case("1,5")]
    #[case("+1")]
    #[case("1.2.3")]
    #[case("0.0000000000000000001")]
    #[case("1234567890123456789012345")]
    #[case("١")]
    fn what_is_no_plain_decimal_is_refused(#[case] text: &str) {
        assert!(text.parse::<Decimal>().is_err(), "{text}");
    }

    #[rstest]
    #[case(5, 2, 2)]
    #[case(7, 2, 4)]
    #[case(-5, 2, -2)]
    #[case(-7, 2, -4)]
    #[case(10, 4, 2)]
    #[case(11, 4, 3)]
    #[case(-11, 4, -3)]
    fn halves_go_to_the_even_neighbor(
        #[case] numerator: i128,
        #[case] denominator: i128,
        #[case] expected: i128,
    ) {
        assert_eq!(divide_half_even(numerator, denominator), expected);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(mantissa in -1_000_000_000_000i64..1_000_000_000_000, scale in 0u32..12) {
            let decimal = Decimal { mantissa: mantissa.into(), scale };
            let read: Decimal = decimal.to_string().parse().unwrap();
            let factor = 10i128.pow(scale - read.scale());
            prop_assert_eq!(read.mantissa() * factor, decimal.mantissa());
        }
    }
}
