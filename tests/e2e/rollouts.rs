//! Rollouts on real servers: the agent as a process beside Nomad and Consul with ACLs, proxies under a steady load with streams, and
//! versions that are good and bad.

mod frozen;
pub(crate) mod held;
mod killed;
mod short;
mod situations;
mod stack;
mod ten_updates;
mod traffic;
mod updates;
mod without_agent;
