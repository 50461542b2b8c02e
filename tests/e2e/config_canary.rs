//! Canaries of the configuration on a real Consul, with real proxies in front of the simulator: what a candidate does to instances, what
//! the agent makes of it, and what is left when either is gone.

mod ends;
mod instances;
mod killed;
mod rollouts;
mod scene;
mod verdicts;
