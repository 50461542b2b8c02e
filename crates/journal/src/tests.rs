//! The writer on a file system that stops, tears, is full and fails, as a disk does.

mod crash;
mod faults;
mod group;
mod page;
mod sim;
mod truncation;
