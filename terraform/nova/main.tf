# All of the product that is in Nomad, Consul and Vault. It asks for no cloud: what it needs are three servers that answer, by the
# providers that whoever calls it has configured. The jobs are in proxy.tf and agent.tf.

module "nomad" {
  source = "../modules/nomad"

  names            = var.names
  namespace        = var.nomad_namespace
  create_namespace = var.create_namespace
  has_acl          = var.has_nomad_acl
}

module "consul" {
  source = "../modules/consul"
  count  = var.has_consul_acl ? 1 : 0

  names             = var.names
  prefix            = var.consul_prefix
  auth_method_name  = var.consul_auth_method_name
  nomad_jwks_url    = var.nomad_jwks_url
  nomad_jwks_ca_pem = var.nomad_jwks_ca_pem
  nomad_namespace   = var.nomad_namespace
}

module "vault" {
  source = "../modules/vault"
  count  = var.vault == null ? 0 : 1

  names                     = var.names
  parts                     = var.vault.parts
  existing_mounts           = var.vault.existing_mounts
  aws_mount                 = var.vault.aws_mount
  aws_role                  = var.vault.aws_role
  role_arns                 = var.vault.role_arns
  pki_mount                 = var.vault.pki_mount
  pki_role                  = var.vault.pki_role
  domains                   = var.vault.domains
  kv_mount                  = var.vault.kv_mount
  kv_path                   = var.vault.kv_path
  transit_mount             = var.vault.transit_mount
  jwt_auth_path             = var.vault.jwt_auth_path
  allow_destruction_of_keys = var.vault.allow_destruction_of_keys
  nomad_jwks_url            = var.nomad_jwks_url
  nomad_jwks_ca_pem         = var.nomad_jwks_ca_pem
  nomad_namespace           = var.nomad_namespace
}

module "rollout_policies" {
  source = "../modules/rollout-policies"

  prefix   = var.consul_prefix
  policies = var.rollout_policies
}
