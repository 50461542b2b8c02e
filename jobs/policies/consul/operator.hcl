# What people may do who configure the proxies in open mode, by `consul kv put` or by `nova-agent config`. In governed mode nobody
# has this policy: nova-agent writes for them.

# The configuration. The first rule is of one key: as key_prefix it would allow to write config.canary.
key "nova/default/config" {
  policy = "write"
}
key_prefix "nova/default/config.d/" {
  policy = "write"
}

# Reads all of it in one piece, and a candidate beside it. The longest rule decides, so that the two above are not narrowed.
key_prefix "nova/default/config" {
  policy = "list"
}

# `nova-agent config push` and `rollback` keep what was, in the transaction that replaces it, and drop the oldest records.
key_prefix "nova/default/history/" {
  policy = "write"
}

# `nova-agent config push --canary`, `promote` and `abort` leave an order, which the agent carries out: it alone writes the candidate.
key_prefix "nova/default/canary-orders/" {
  policy = "write"
}
key_prefix "nova/default/canaries/" {
  policy = "list"
}
key_prefix "nova/default/canary-history/" {
  policy = "list"
}

# `nova-agent config status` asks every instance that the catalog lists. The catalog shows a service only to whoever may read its
# node too.
service "nova-proxy" {
  policy = "read"
}
node_prefix "" {
  policy = "read"
}
