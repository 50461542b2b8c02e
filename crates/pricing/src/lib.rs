//! What a call of Bedrock costs, exactly: money, the dated price book, negotiated prices, costs and estimates.
//!
//! - [`money`] (sums of whole pico-dollars), [`rate`] (the exact price of one token), [`decimal`] (digits without floats);
//! - [`model`] and [`kind`]: what a price depends on; [`book`]: dated list prices with their sources; [`overlay`]: a customer's own;
//! - [`prices`]: which price a call has, and why; [`usage`] and [`cost`]: what a usage costs, line by line;
//! - [`estimate`]: what a traffic profile would cost; [`aws`]: AWS's own price list as a book.
//!
//! Pure: no file is opened and no clock is read here. Instants are given, and [`aws`] reads from what its caller has opened.

pub mod aws;
pub mod book;
pub mod cost;
pub mod decimal;
pub mod estimate;
pub mod kind;
pub mod model;
pub mod money;
pub mod overlay;
pub mod prices;
pub mod rate;
pub mod time;
pub mod usage;
