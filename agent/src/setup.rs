//! What the product needs in Consul, Vault and Nomad before its first instance starts, and how it is brought there.
//!
//! Pure: [`names`] (what things are called), [`texts`] (the policies of `jobs/policies`, with these names in them), [`plan`] (what
//! is wanted beside what is there) and [`value`] (when two values say the same). One file for each server says what is wanted of it
//! and speaks to it; [`apply`] carries a plan out. Nothing is ever deleted, and what others have made is left as it is.

pub mod apply;
pub mod consul;
pub mod names;
pub mod nomad;
pub mod plan;
pub mod texts;
pub mod value;
pub mod vault;

/// What the descriptions of things say that this command keeps: by it a later run tells its own from those of others.
pub const MARK: &str = "kept by nova-agent setup";

/// A description that says whose it is.
fn described(what: &str) -> String {
    format!("{what} ({MARK})")
}
