//! What holds on every path, and the course of rollouts told as a row of looks.

mod courses;
pub(crate) mod explore;
mod properties;
