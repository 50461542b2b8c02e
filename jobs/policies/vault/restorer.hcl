# What people may do who restore a backup: open its key. Nobody else can, and they can make none.
path "transit/decrypt/nova-backup" {
  capabilities = ["update"]
}
