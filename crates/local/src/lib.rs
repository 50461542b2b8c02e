//! nova-local: the whole system on one machine.
