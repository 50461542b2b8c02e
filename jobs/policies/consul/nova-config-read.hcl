# For those who look at the configuration: `nova-agent config status`, `check`, `diff` and `history`.
# Put the prefix of your keys in the place of nova/default.

# `list` is `read` as well, and does for servers with acl.enable_key_list_policy too.
key_prefix "nova/default/config" {
  policy = "list"
}

key_prefix "nova/default/history/" {
  policy = "list"
}

# The catalog says where instances tell what they run.
service "nova-proxy" {
  policy = "read"
}

node_prefix "" {
  policy = "read"
}
