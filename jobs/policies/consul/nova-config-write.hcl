# For those who change the configuration: `nova-agent config push` and `rollback`.
# Put the prefix of your keys in the place of nova/default.

key_prefix "nova/default/config" {
  policy = "write"
}

# Every change writes its record in the transaction of the change.
key_prefix "nova/default/history/" {
  policy = "write"
}

# The catalog says where instances tell what became of the change.
service "nova-proxy" {
  policy = "read"
}

node_prefix "" {
  policy = "read"
}
