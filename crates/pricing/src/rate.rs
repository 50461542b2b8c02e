//! What one unit costs, exactly: a fraction of pico-dollars.
//!
//! A published price is of a thousand or a million tokens, and a discount of 7.5 % makes thousandths of a pico-dollar of it. So a rate is
//! kept as a fraction, and the first integer is the cost of a line.

use serde::Serialize;

use crate::decimal::{Decimal, divide_half_even};
use crate::kind::Unit;
use crate::money::PicoDollars;

/// Pico-dollars for one token or one image, as a fraction in lowest terms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Rate {
    numerator: i128,
    denominator: i128,
}

/// A price that is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RateError {
    /// It is below zero.
    #[error("a price is not below zero: write 0 or more")]
    Negative,
    /// It has more digits than the arithmetic holds.
    #[error("the price has too many digits: write fewer than 24")]
    TooLarge,
    /// The discount is not between 0 and 100.
    #[error("a discount is a percentage from 0 to 100, such as \"7.5\"")]
    Discount,
}

impl Rate {
    /// The rate of a price in dollars for one `unit`, divided exactly.
    ///
    /// # Errors
    /// When the price is below zero, or has too many digits.
    pub fn of(price: Decimal, unit: Unit) -> Result<Self, RateError> {
        if price.mantissa() < 0 {
            return Err(RateError::Negative);
        }
        let numerator = price.mantissa().checked_mul(PICO).ok_or(RateError::TooLarge)?;
        let denominator = 10i128
            .checked_pow(price.scale())
            .and_then(|scale| scale.checked_mul(unit.size().into()))
            .ok_or(RateError::TooLarge)?;
        Ok(Self::reduced(numerator, denominator))
    }

    /// What is left of it after a discount in percent.
    ///
    /// # Errors
    /// When the discount is below 0 or above 100, or the result has too many digits.
    pub fn discounted(self, percent: Decimal) -> Result<Self, RateError> {
        let whole = 10i128
            .checked_pow(percent.scale())
            .and_then(|scale| scale.checked_mul(100))
            .ok_or(RateError::TooLarge)?;
        let left = whole.checked_sub(percent.mantissa()).ok_or(RateError::Discount)?;
        if percent.mantissa() < 0 || left < 0 {
            return Err(RateError::Discount);
        }
        let shared = greatest_common_divisor(self.numerator, whole).max(1);
        let numerator = (self.numerator / shared).checked_mul(left).ok_or(RateError::TooLarge)?;
        let denominator = self.denominator.checked_mul(whole / shared).ok_or(RateError::TooLarge)?;
        Ok(Self::reduced(numerator, denominator))
    }

    /// What so many units cost, rounded half-even where it is no whole number of pico-dollars; nothing where it does not fit.
    ///
    /// The built-in book has whole rates alone, so its costs are exact; a negotiated percentage can be off by half a pico-dollar a line.
    #[must_use]
    pub fn cost(self, units: u64) -> Option<PicoDollars> {
        let product = self.numerator.checked_mul(units.into())?;
        Some(PicoDollars::from_pico(divide_half_even(product, self.denominator)))
    }

    /// Whether any number of units costs a whole number of pico-dollars.
    #[must_use]
    pub fn is_whole(self) -> bool {
        self.denominator == 1
    }

    /// Whether it is nothing.
    #[must_use]
    pub fn is_free(self) -> bool {
        self.numerator == 0
    }

    /// The fraction: pico-dollars, and for how many units.
    #[must_use]
    pub fn fraction(self) -> (i128, i128) {
        (self.numerator, self.denominator)
    }

    /// How much dearer `other` is, in tenths of a percent, rounded half-even; nothing where this one is free or it does not fit.
    #[must_use]
    pub fn per_mille_to(self, other: Self) -> Option<i128> {
        if self.numerator == 0 {
            return None;
        }
        let here = self.numerator.checked_mul(other.denominator)?;
        let there = other.numerator.checked_mul(self.denominator)?;
        Some(divide_half_even(there.checked_sub(here)?.checked_mul(1000)?, here))
    }

    fn reduced(numerator: i128, denominator: i128) -> Self {
        let shared = greatest_common_divisor(numerator, denominator).max(1);
        Self { numerator: numerator / shared, denominator: denominator / shared }
    }
}

/// Pico-dollars in a dollar.
const PICO: i128 = 1_000_000_000_000;

fn greatest_common_divisor(left: i128, right: i128) -> i128 {
    let (mut left, mut right) = (left, right);
    while right != 0 {
        (left, right) = (right, left % right);
    }
    left
}

impl PartialOrd for Rate {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        let here = self.numerator.checked_mul(other.denominator)?;
        let there = other.numerator.checked_mul(self.denominator)?;
        Some(here.cmp(&there))
    }
}

impl Serialize for Rate {
    /// As `{"picodollars": "35000", "units": "1"}`.
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct as _;
        let mut rate = serializer.serialize_struct("Rate", 2)?;
        rate.serialize_field("picodollars", &self.numerator.to_string())?;
        rate.serialize_field("units", &self.denominator.to_string())?;
        rate.end()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    fn rate(price: &str, unit: Unit) -> Rate {
        Rate::of(price.parse().unwrap(), unit).unwrap()
    }

    #[rstest]
    #[case("0.000035", Unit::ThousandTokens, 35_000, 1)]
    #[case("0.00000875", Unit::ThousandTokens, 8_750, 1)]
    #[case("0.8", Unit::MillionTokens, 800_000, 1)]
    #[case("0.00000006", Unit::Token, 60_000, 1)]
    #[case("0.04", Unit::Image, 40_000_000_000, 1)]
    #[case("0.0000000001", Unit::ThousandTokens, 1, 10)]
    #[case("0", Unit::ThousandTokens, 0, 1)]
    fn a_published_price_is_divided_exactly(
        #[case] price: &str,
        #[case] unit: Unit,
        #[case] numerator: i128,
        #[case] denominator: i128,
    ) {
        assert_eq!(rate(price, unit).fraction(), (numerator, denominator));
    }

    #[test]
    fn a_discount_keeps_the_fraction() {
        let rate = rate("0.00000875", Unit::ThousandTokens).discounted("7.5".parse().unwrap()).unwrap();
        // 8,750 times 0.925 is 8,093.75.
        assert_eq!(rate.fraction(), (32_375, 4));
        assert_eq!(rate.cost(4).unwrap().pico(), 32_375);
        // 16,187.5 goes to the even neighbor.
        assert_eq!(rate.cost(2).unwrap().pico(), 16_188);
    }

    #[rstest]
    #[case("-1")]
    #[case("100.1")]
    fn a_discount_is_a_percentage(#[case] percent: &str) {
        let rate = rate("1", Unit::MillionTokens);
        assert_eq!(rate.discounted(percent.parse().unwrap()), Err(RateError::Discount));
    }

    #[test]
    fn all_of_it_off_is_free() {
        assert!(rate("1", Unit::MillionTokens).discounted("100".parse().unwrap()).unwrap().is_free());
        assert_eq!(Rate::of("-1".parse().unwrap(), Unit::Image), Err(RateError::Negative));
    }

    #[test]
    fn a_difference_is_told_in_tenths_of_a_percent() {
        let (us, global) = (rate("0.00033", Unit::ThousandTokens), rate("0.0003", Unit::ThousandTokens));
        assert_eq!(global.per_mille_to(us), Some(100));
        assert_eq!(us.per_mille_to(global), Some(-91));
        assert_eq!(rate("0", Unit::ThousandTokens).per_mille_to(us), None);
        assert!(us > global);
    }

    #[test]
    fn what_does_not_fit_is_told() {
        assert_eq!(rate("100000000000", Unit::Image).cost(u64::MAX), None);
        assert_eq!(
            Rate::of("999999999999999999999999".parse().unwrap(), Unit::Image)
                .and_then(|rate| { rate.discounted("0.000000000000000001".parse().unwrap()) }),
            Err(RateError::TooLarge)
        );
    }

    proptest! {
        #[test]
        fn the_cost_of_parts_is_that_of_the_whole_where_the_rate_is_whole(
            pico in 0u32..10_000_000, first in 0u64..1_000_000_000, second in 0u64..1_000_000_000
        ) {
            let rate = Rate { numerator: pico.into(), denominator: 1 };
            let parts = rate.cost(first).unwrap().checked_add(rate.cost(second).unwrap()).unwrap();
            prop_assert_eq!(rate.cost(first + second).unwrap(), parts);
        }
    }
}
