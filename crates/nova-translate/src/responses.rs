//! The Responses API on the same translation as chat.
//!
//! [`convert`] turns the request into a chat request, purely, and keeps an [`Origin`]: where each part of the chat request came from, so that
//! errors and notes speak of the caller's own parameters, and what the response has to repeat. The way back is [`ResponseBuilder`], which writes
//! the pieces of an answer as events, or gathers them to one object. What needs state kept by the server is refused by name.

mod builder;
mod convert;
mod echo;
mod items;
mod origin;
mod tools;

pub use builder::{ResponseBuilder, ResponseHead};
pub use convert::{Converted, convert};
pub use echo::Echo;
pub use origin::Origin;

#[cfg(test)]
mod tests;
