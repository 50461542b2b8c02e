# What an instance of nova-proxy may do: take AWS credentials, have a certificate signed, read its secrets, and keep its own token.

# AWS credentials for Bedrock, by bedrock.vault_credentials.
path "aws/sts/nova-bedrock" {
  capabilities = ["update"]
}

# A certificate for a key that never leaves the instance: "sign", and not "issue". By tls.vault_certificate, and
# consul.vault_client_certificate.
path "pki/sign/nova-proxy" {
  capabilities = ["update"]
}

# Its secrets, which a template of its job may read too, and their versions.
path "kv/data/nova/*" {
  capabilities = ["read"]
}
path "kv/metadata/nova/*" {
  capabilities = ["read"]
}

# Its own token. The role gives no policy "default", in which these are with more. The first is for a token that comes from a file.
path "auth/token/lookup-self" {
  capabilities = ["read"]
}
path "auth/token/renew-self" {
  capabilities = ["update"]
}
path "auth/token/revoke-self" {
  capabilities = ["update"]
}
