# What people may do who put the proxy's secrets in place: write them, see which there are, and take versions away, without reading
# what others have written.
path "kv/data/nova/*" {
  capabilities = ["create", "update", "delete"]
}
path "kv/metadata/nova/*" {
  capabilities = ["read", "list"]
}
