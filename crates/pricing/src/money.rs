//! Money: whole pico-dollars, added without loss, rounded once, where a report is written.
//!
//! Owns sums and how they are shown; prices, which may be finer than a pico-dollar, are `rate`.

use std::fmt;
use std::iter::Sum;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::decimal::{Decimal, DecimalError, divide_half_even, write_decimal};

/// The digits behind the point of a dollar.
const PICO_DIGITS: u32 = 12;

/// An amount in millionths of millionths of a US dollar.
///
/// One input token of Nova Micro costs 35,000 of them; 127 bits hold 10^26 dollars. As JSON it is its exact amount in dollars, as
/// text: numbers of JSON lose digits in most readers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PicoDollars(i128);

/// A text that is no amount of whole pico-dollars.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// It is no decimal number.
    #[error(transparent)]
    Form(#[from] DecimalError),
    /// It has more digits behind the point than a pico-dollar has.
    #[error("{0:?} is finer than a pico-dollar: write at most 12 digits behind the point")]
    TooFine(String),
}

impl PicoDollars {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// An amount by its number of pico-dollars.
    #[must_use]
    pub const fn from_pico(pico: i128) -> Self {
        Self(pico)
    }

    /// The number of pico-dollars, for stores that keep integers.
    #[must_use]
    pub const fn pico(self) -> i128 {
        self.0
    }

    /// The sum; nothing where it does not fit.
    #[must_use]
    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }

    /// The difference; nothing where it does not fit.
    #[must_use]
    pub fn checked_sub(self, other: Self) -> Option<Self> {
        self.0.checked_sub(other.0).map(Self)
    }

    /// So many times the amount; nothing where it does not fit.
    #[must_use]
    pub fn checked_mul(self, times: u64) -> Option<Self> {
        self.0.checked_mul(times.into()).map(Self)
    }

    /// `numerator / denominator` of the amount, rounded half-even to a pico-dollar; nothing where it does not fit, or where the
    /// denominator is zero.
    #[must_use]
    pub fn checked_part(self, numerator: u64, denominator: u64) -> Option<Self> {
        if denominator == 0 {
            return None;
        }
        let product = self.0.checked_mul(numerator.into())?;
        Some(Self(divide_half_even(product, denominator.into())))
    }

    /// The sum of all; nothing where it does not fit.
    #[must_use]
    pub fn checked_sum(amounts: impl IntoIterator<Item = Self>) -> Option<Self> {
        amounts.into_iter().try_fold(Self::ZERO, Self::checked_add)
    }

    /// The amount in dollars with exactly `decimals` digits behind the point, at most 12, rounded half-even.
    ///
    /// The one place where money is rounded for people. Sum first, then round: sums of rounded amounts drift.
    #[must_use]
    pub fn rounded(self, decimals: u32) -> RoundedDollars {
        let decimals = decimals.min(PICO_DIGITS);
        let step = 10i128.pow(PICO_DIGITS - decimals);
        RoundedDollars { mantissa: divide_half_even(self.0, step), decimals }
    }

    /// In dollars and cents.
    #[must_use]
    pub fn cents(self) -> RoundedDollars {
        self.rounded(2)
    }

    /// To a millionth of a dollar, the finest that AWS's own reports show.
    #[must_use]
    pub fn micro_dollars(self) -> RoundedDollars {
        self.rounded(6)
    }
}

/// An amount that was rounded: it is shown, and no longer added to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RoundedDollars {
    mantissa: i128,
    decimals: u32,
}

impl fmt::Display for RoundedDollars {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_decimal(f, self.mantissa, self.decimals)
    }
}

impl fmt::Display for PicoDollars {
    /// The exact amount in dollars, without zeros at the end: `0.000035`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut mantissa = self.0;
        let mut scale = PICO_DIGITS;
        while scale > 0 && mantissa % 10 == 0 {
            mantissa /= 10;
            scale -= 1;
        }
        write_decimal(f, mantissa, scale)
    }
}

impl FromStr for PicoDollars {
    type Err = MoneyError;

    fn from_str(text: &str) -> Result<Self, MoneyError> {
        let decimal: Decimal = text.parse()?;
        let missing =
            PICO_DIGITS.checked_sub(decimal.scale()).ok_or_else(|| MoneyError::TooFine(text.to_owned()))?;
        Ok(Self(decimal.mantissa() * 10i128.pow(missing)))
    }
}

impl Serialize for PicoDollars {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for PicoDollars {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// Saturates where a sum does not fit, which 10^26 dollars would take.
impl Sum for PicoDollars {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::ZERO, |sum, amount| Self(sum.0.saturating_add(amount.0)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("0", 0)]
    #[case("0.000035", 35_000_000)]
    #[case("0.000000000001", 1)]
    #[case("-1.5", -1_500_000_000_000)]
    #[case("123", 123_000_000_000_000)]
    fn an_amount_is_read_and_shown_exactly(#[case] text: &str, #[case] pico: i128) {
        let amount: PicoDollars = text.parse().unwrap();
        assert_eq!(amount.pico(), pico);
        assert_eq!(amount.to_string(), text);
        let json = serde_json::to_string(&amount).unwrap();
        assert_eq!(json, format!("\"{text}\""));
        assert_eq!(serde_json::from_str::<PicoDollars>(&json).unwrap(), amount);
    }

    #[test]
    fn what_is_finer_than_a_pico_dollar_is_refused() {
        let error = "0.0000000000001".parse::<PicoDollars>().unwrap_err();
        assert!(error.to_string().contains("at most 12 digits"), "{error}");
    }

    #[rstest]
    #[case("0.005", "0.00")]
    #[case("0.015", "0.02")]
    #[case("0.025", "0.02")]
    #[case("0.025000000001", "0.03")]
    #[case("-0.015", "-0.02")]
    #[case("1234.565", "1234.56")]
    #[case("-0.001", "0.00")]
    fn cents_are_rounded_half_even(#[case] exact: &str, #[case] shown: &str) {
        assert_eq!(exact.parse::<PicoDollars>().unwrap().cents().to_string(), shown);
    }

    #[test]
    fn micro_dollars_have_six_digits() {
        let amount: PicoDollars = "0.0000125".parse().unwrap();
        assert_eq!(amount.micro_dollars().to_string(), "0.000012");
    }

    #[test]
    fn what_does_not_fit_is_told() {
        let most = PicoDollars::from_pico(i128::MAX);
        assert_eq!(most.checked_add(PicoDollars::from_pico(1)), None);
        assert_eq!(most.checked_mul(2), None);
        assert_eq!(most.checked_part(3, 2), None);
        assert_eq!(most.checked_part(1, 0), None);
        assert_eq!(PicoDollars::from_pico(i128::MIN).checked_sub(PicoDollars::from_pico(1)), None);
        assert_eq!(PicoDollars::checked_sum([most, PicoDollars::from_pico(1)]), None);
    }

    proptest! {
        #[test]
        fn an_amount_survives_its_text(pico in -(10i128.pow(23))..10i128.pow(23)) {
            let amount = PicoDollars::from_pico(pico);
            prop_assert_eq!(amount.to_string().parse::<PicoDollars>().unwrap(), amount);
        }

        #[test]
        fn rounding_is_off_by_half_a_step_at_most(pico in -(10i128.pow(18))..10i128.pow(18), decimals in 0u32..13) {
            let amount = PicoDollars::from_pico(pico);
            let shown: PicoDollars = amount.rounded(decimals).to_string().parse().unwrap();
            let step = 10i128.pow(12 - decimals);
            prop_assert!((shown.pico() - pico).abs() * 2 <= step);
        }
    }
}
