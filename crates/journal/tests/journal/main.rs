//! Journals on a real disk: killed writers, other writers, shipping, and everything that can be done to a copy.

#![cfg(test)]

mod bed;
mod compatibility;
mod kill;
mod mutations;
mod page;
mod shipping;
mod writers;
