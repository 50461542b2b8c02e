# What an instance of nova-proxy may do: read its configuration, and keep its own entry in the catalog. It writes no key.

# One recursive watch reads config, config.d/ and config.canary. "list" is "read" with the right to list, which servers ask for
# where acl.enable_key_list_policy is on; elsewhere both mean the same.
key_prefix "nova/default/config" {
  policy = "list"
}

# Who may call what, API keys, their revocations, and budgets. This version reads none of them. They are granted ahead of the
# version that does, because Consul shows a list that nobody may read as an empty one: no revocations, no budgets.
key_prefix "nova/default/access.d/" {
  policy = "list"
}
key_prefix "nova/default/keys/" {
  policy = "list"
}
key_prefix "nova/default/revoked/" {
  policy = "list"
}
key_prefix "nova/default/budgets/" {
  policy = "list"
}

# Registers itself and its check with the local agent, goes into maintenance while it drains, and deregisters. The name is that
# of consul.service.name. Consul cannot hold a token to one instance: it may take the others out as well.
service "nova-proxy" {
  policy = "write"
}

# Sees whether another service of the local agent has its address already, as one that Nomad has registered for it; then it does
# not register itself.
service_prefix "" {
  policy = "read"
}
