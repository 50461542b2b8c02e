# What people may do who verify the audit log, without being able to write in it.
path "transit/verify/nova-audit" {
  capabilities = ["update"]
}

# The public keys, with which signatures are verified without Vault.
path "transit/keys/nova-audit" {
  capabilities = ["read"]
}
