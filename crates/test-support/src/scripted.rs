//! Scripted servers: a Consul, a Nomad and instances of the proxy that do over HTTP what the real ones do, as far as the agent
//! uses them, with an end of the agent at any of its requests.
//!
//! They are state machines and not answers that were written down: a call changes what later calls see. `tests/e2e/scripted_servers`
//! holds them against the real servers, call by call. What they do not know they refuse with 501, and tell the test.

mod consul;
mod http;
mod instance;
mod nomad;
mod switch;

pub use consul::{Registered, ScriptedConsul};
pub use instance::{Behavior, Conduct, ScriptedProxy};
pub use nomad::{Deployed, ScriptedNomad};
pub use switch::{Side, Switch};

/// The text of a refusal of what a scripted server does not know.
const UNKNOWN: &str = "the scripted server does not know this call";
