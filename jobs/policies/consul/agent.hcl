# What nova-agent may do as a service of its own, in governed mode: it alone writes below the prefix.

# Everything below the prefix, and nothing beside it: configuration, its history, candidates, access, keys, revocations, budgets,
# rollouts, and the lock of the leader.
key_prefix "nova/default/" {
  policy = "write"
}

# The session that holds the lock. Sessions belong to the node of the Consul agent that is asked: where nova-agent is bound to
# nodes, name them instead, as in session "node-1", since this rule lets it end the sessions of others.
session_prefix "" {
  policy = "write"
}

# Finds the instances in the catalog, to read what configuration each has in force. The catalog shows a service only to whoever
# may read its node too.
service "nova-proxy" {
  policy = "read"
}
node_prefix "" {
  policy = "read"
}
