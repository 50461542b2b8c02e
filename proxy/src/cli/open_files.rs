//! How many files and sockets this process may have open at once: as many as the system lets it.
//!
//! Owns the limit of the process. How many connections are taken is the listener's own limit (`server/listener.rs`).

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use slog::{Logger, warn};

/// What the process needs beside connections of clients and of Bedrock: listeners, files, the runtime.
const OTHERS: u64 = 64;

/// Raises the limit to the most that this process may give itself, and warns where `max_connections` may come to more.
///
/// The limit that a process starts with is 1024 on most systems, for the sake of programs that cannot count further. A client whose
/// connection is the last that fits leaves none for the call that its request needs.
pub(super) fn raise(max_connections: usize, log: &Logger) {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    let allowed = match setrlimit(Resource::Nofile, raised) {
        Ok(()) => limit.maximum,
        Err(failure) => {
            warn!(log, "the open files limit cannot be raised"; "error" => %failure);
            limit.current
        }
    };
    let wanted = wanted(max_connections);
    // No number is no limit.
    if let Some(allowed) = allowed.filter(|allowed| *allowed < wanted) {
        warn!(log, "connections may use up the open files limit; raise it, or lower server.max_connections";
            "open_files" => allowed, "wanted" => wanted, "max_connections" => max_connections);
    }
}

/// A connection of a client, one to Bedrock for its request, and the others.
fn wanted(max_connections: usize) -> u64 {
    u64::try_from(max_connections).unwrap_or(u64::MAX).saturating_mul(2).saturating_add(OTHERS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_raised_to_the_most_that_is_allowed() {
        raise(usize::MAX, &Logger::root(slog::Discard, slog::o!()));
        let limit = getrlimit(Resource::Nofile);
        assert_eq!(limit.current, limit.maximum);
    }

    #[test]
    fn a_connection_needs_one_more_for_its_call() {
        assert_eq!(wanted(100), 264);
        assert_eq!(wanted(usize::MAX), u64::MAX, "and no limit of connections can be had");
    }
}
