# What `nova-agent setup vault` brings to Vault, from the same files: engines with a role or keys, policies, and the auth method by
# which tasks of Nomad get theirs. The credentials with which Vault calls AWS and the authority of the PKI engine are not here:
# whoever runs Vault has them, and no state of Terraform's should.

locals {
  folder = "${path.module}/../../../jobs/policies/vault"

  # The files of the policies, by name.
  policies = toset(["proxy", "agent", "restorer", "auditor", "secrets-administrator"])

  # What has names in the policies gives way to marks, and marks to the names of this installation, so that what was put in is not
  # looked at again.
  names = {
    "@aws-mount@"     = var.aws_mount
    "@aws-role@"      = var.aws_role
    "@pki-mount@"     = var.pki_mount
    "@pki-role@"      = var.pki_role
    "@kv-mount@"      = var.kv_mount
    "@kv-path@"       = var.kv_path
    "@names@"         = var.names
    "@transit-mount@" = var.transit_mount
  }

  marked = {
    for name in local.policies : name => replace(replace(replace(replace(replace(replace(replace(
      file("${local.folder}/${name}.hcl"),
      "\"aws/sts/nova-bedrock\"", "\"@aws-mount@/sts/@aws-role@\""),
      "\"pki/sign/nova-proxy\"", "\"@pki-mount@/sign/@pki-role@\""),
      "\"kv/data/nova/", "\"@kv-mount@/data/@kv-path@/"),
      "\"kv/metadata/nova/", "\"@kv-mount@/metadata/@kv-path@/"),
      "/nova-backup\"", "/@names@-backup\""),
      "/nova-audit\"", "/@names@-audit\""),
    "\"transit/", "\"@transit-mount@/")
  }
  # Between marks and what is not a mark, each piece is looked at once.
  rules = {
    for name, text in local.marked : name => join("", [
      for piece in regexall("@[a-z-]+@|[^@]+|@", text) : lookup(local.names, piece, piece)
    ])
  }

  aws_role    = jsondecode(file("${local.folder}/aws-role.json"))
  pki_role    = jsondecode(file("${local.folder}/pki-role.json"))
  auth_method = jsondecode(file("${local.folder}/auth-method.json"))
  login = {
    proxy = merge(jsondecode(file("${local.folder}/role-proxy.json")), { job = var.proxy_job, task = "nova-proxy" })
    agent = merge(jsondecode(file("${local.folder}/role-agent.json")), { job = var.agent_job, task = "nova-agent" })
  }

  # The files have durations as Vault takes them, the provider has seconds.
  seconds = {
    for duration in [local.aws_role.default_sts_ttl, local.aws_role.max_sts_ttl, local.pki_role.max_ttl, local.login.proxy.token_period, local.login.agent.token_period] :
    duration => tonumber(regex("^[0-9]+", duration)) * { s = 1, m = 60, h = 3600 }[regex("[smh]$", duration)]...
  }

  mounts = {
    for part, mount in {
      aws     = { path = var.aws_mount, type = "aws", options = null }
      pki     = { path = var.pki_mount, type = "pki", options = null }
      kv      = { path = var.kv_mount, type = "kv", options = { version = "2" } }
      transit = { path = var.transit_mount, type = "transit", options = null }
    } : part => mount if contains(var.parts, part) && !contains(var.existing_mounts, part)
  }
}

resource "vault_mount" "this" {
  for_each = local.mounts

  path        = each.value.path
  type        = each.value.type
  options     = each.value.options
  description = "nova-proxy (kept by Terraform)"
}

resource "vault_aws_secret_backend_role" "bedrock" {
  count = contains(var.parts, "aws") ? 1 : 0

  backend         = var.aws_mount
  name            = var.aws_role
  credential_type = local.aws_role.credential_type
  role_arns       = var.role_arns
  default_sts_ttl = local.seconds[local.aws_role.default_sts_ttl][0]
  max_sts_ttl     = local.seconds[local.aws_role.max_sts_ttl][0]

  depends_on = [vault_mount.this]
}

resource "vault_pki_secret_backend_role" "proxy" {
  count = contains(var.parts, "pki") ? 1 : 0

  backend            = var.pki_mount
  name               = var.pki_role
  allowed_domains    = var.domains
  allow_bare_domains = local.pki_role.allow_bare_domains
  allow_subdomains   = local.pki_role.allow_subdomains
  allow_localhost    = local.pki_role.allow_localhost
  allow_any_name     = local.pki_role.allow_any_name
  allow_glob_domains = local.pki_role.allow_glob_domains
  allow_ip_sans      = local.pki_role.allow_ip_sans
  server_flag        = local.pki_role.server_flag
  client_flag        = local.pki_role.client_flag
  key_type           = local.pki_role.key_type
  key_bits           = 0 # Of no one size, as key_type is of no one kind.
  max_ttl            = local.seconds[local.pki_role.max_ttl][0]

  depends_on = [vault_mount.this]
}

# The key that seals backups, and the one that signs the audit log. Vault lets nobody delete them, so that a destroy cannot either:
# what they have sealed would be lost.
resource "vault_transit_secret_backend_key" "this" {
  for_each = contains(var.parts, "transit") ? { backup = "aes256-gcm96", audit = "ed25519" } : {}

  backend          = var.transit_mount
  name             = "${var.names}-${each.key}"
  type             = each.value
  exportable       = false
  deletion_allowed = var.allow_destruction_of_keys

  depends_on = [vault_mount.this]
}

resource "vault_policy" "this" {
  for_each = local.rules

  name   = "${var.names}-${each.key}"
  policy = each.value
}

resource "vault_jwt_auth_backend" "nomad" {
  count = contains(var.existing_mounts, "jwt") ? 0 : 1

  path               = var.jwt_auth_path
  type               = "jwt"
  description        = "tasks of Nomad (kept by Terraform)"
  jwks_url           = var.nomad_jwks_url
  jwks_ca_pem        = var.nomad_jwks_ca_pem
  jwt_supported_algs = local.auth_method.jwt_supported_algs
}

resource "vault_jwt_auth_backend_role" "this" {
  for_each = local.login

  backend           = var.jwt_auth_path
  role_name         = "${var.names}-${each.key}"
  role_type         = each.value.role_type
  bound_audiences   = each.value.bound_audiences
  bound_claims_type = each.value.bound_claims_type
  bound_claims = {
    nomad_namespace = var.nomad_namespace
    nomad_job_id    = each.value.job
    nomad_task      = each.value.task
  }
  user_claim              = each.value.user_claim
  user_claim_json_pointer = each.value.user_claim_json_pointer
  claim_mappings          = each.value.claim_mappings
  token_type              = each.value.token_type
  token_policies          = [vault_policy.this[each.key].name]
  token_no_default_policy = each.value.token_no_default_policy
  token_period            = local.seconds[each.value.token_period][0]
  token_explicit_max_ttl  = each.value.token_explicit_max_ttl

  depends_on = [vault_jwt_auth_backend.nomad]
}
