//! The invariants of the design that can be read from the tree itself.
//!
//! Every message says what to do. What only a running program can show is tested in `e2e/`.

#![cfg(test)]

mod tidy {
    pub(crate) mod crates;
    pub(crate) mod lock;
    pub(crate) mod pages;
    pub(crate) mod sources;
    pub(crate) mod tree;
}
