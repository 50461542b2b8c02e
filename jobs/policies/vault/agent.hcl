# What nova-agent may do as a service of its own: seal backups, sign its log, and keep its own token. It reads none of the proxy's
# secrets, and cannot open the backups that it makes. Granted ahead: the agent of this version is a command.

# A key for one backup, in the clear and wrapped; the clear one is forgotten with the backup.
path "transit/datakey/plaintext/nova-backup" {
  capabilities = ["update"]
}

# The head of each segment of the audit log.
path "transit/sign/nova-audit" {
  capabilities = ["update"]
}

# Its own token. The role gives no policy "default", in which these are with more.
path "auth/token/renew-self" {
  capabilities = ["update"]
}
path "auth/token/revoke-self" {
  capabilities = ["update"]
}
