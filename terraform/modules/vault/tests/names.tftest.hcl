# The policies and roles are the files of jobs/policies/vault, with an installation's names in every place.

mock_provider "vault" {}

variables {
  nomad_jwks_url = "https://nomad.example.com:4646/.well-known/jwks.json"
  role_arns      = ["arn:aws:iam::123456789012:role/nova"]
}

run "with_the_names_of_the_guide_the_policies_are_the_files" {
  command = plan

  assert {
    condition     = alltrue([for name, policy in vault_policy.this : policy.policy == file("../../../jobs/policies/vault/${name}.hcl")])
    error_message = "A policy is not what its file says."
  }
  assert {
    condition     = length(vault_policy.this) == length(fileset("../../../jobs/policies/vault", "*.hcl"))
    error_message = "A file of jobs/policies/vault has no policy, or a policy no file."
  }
  assert {
    condition = alltrue([
      for name, role in vault_jwt_auth_backend_role.this : {
        bound_audiences         = role.bound_audiences == toset(jsondecode(file("../../../jobs/policies/vault/role-${name}.json")).bound_audiences)
        bound_claims            = role.bound_claims == tomap(jsondecode(file("../../../jobs/policies/vault/role-${name}.json")).bound_claims)
        claim_mappings          = role.claim_mappings == tomap(jsondecode(file("../../../jobs/policies/vault/role-${name}.json")).claim_mappings)
        token_policies          = role.token_policies == toset(jsondecode(file("../../../jobs/policies/vault/role-${name}.json")).token_policies)
        token_no_default_policy = role.token_no_default_policy
        token_period            = role.token_period == 1800
        } == {
        bound_audiences = true, bound_claims = true, claim_mappings = true, token_policies = true, token_no_default_policy = true, token_period = true
      }
    ])
    error_message = "A role is not what its file says."
  }
  assert {
    condition     = vault_aws_secret_backend_role.bedrock[0].default_sts_ttl == 3600 && vault_aws_secret_backend_role.bedrock[0].max_sts_ttl == 3600
    error_message = "Credentials for Bedrock last for another time than the file says."
  }
  assert {
    condition     = vault_pki_secret_backend_role.proxy[0].max_ttl == "259200" && vault_pki_secret_backend_role.proxy[0].key_type == "any"
    error_message = "Certificates are of another kind than the file says."
  }
  assert {
    condition     = { for part, mount in vault_mount.this : part => mount.path } == { aws = "aws", kv = "kv", pki = "pki", transit = "transit" }
    error_message = "An engine is somewhere else than in the guide."
  }
  assert {
    condition     = alltrue([for key in vault_transit_secret_backend_key.this : !key.exportable && !key.deletion_allowed])
    error_message = "A key can leave Vault, or be destroyed."
  }
}

run "other_names_are_in_every_place" {
  command = plan

  variables {
    names           = "gate"
    aws_mount       = "cloud/aws"
    aws_role        = "bedrock"
    pki_mount       = "ca"
    pki_role        = "gateway"
    kv_mount        = "transit"
    kv_path         = "team/gate"
    transit_mount   = "kv"
    jwt_auth_path   = "nomad"
    nomad_namespace = "gateways"
    proxy_job       = "gw"
  }

  assert {
    condition = toset(flatten([for policy in vault_policy.this : regexall("path \"([^\"]+)\"", policy.policy)])) == toset([
      "auth/token/lookup-self", "auth/token/renew-self", "auth/token/revoke-self", "ca/sign/gateway", "cloud/aws/sts/bedrock",
      "kv/datakey/plaintext/gate-backup", "kv/decrypt/gate-backup", "kv/keys/gate-audit", "kv/sign/gate-audit", "kv/verify/gate-audit",
      "transit/data/team/gate/*", "transit/metadata/team/gate/*",
    ])
    error_message = "A path has a name of the guide, or a name that was put in was looked at again."
  }
  assert {
    condition     = vault_jwt_auth_backend_role.this["proxy"].bound_claims == tomap({ nomad_namespace = "gateways", nomad_job_id = "gw", nomad_task = "nova-proxy" })
    error_message = "The role of the proxy is bound to another task."
  }
}

run "what_is_there_already_is_left" {
  command = plan

  variables {
    parts           = ["aws", "kv"]
    existing_mounts = ["aws", "jwt"]
  }

  assert {
    condition     = keys(vault_mount.this) == ["kv"] && length(vault_jwt_auth_backend.nomad) == 0
    error_message = "An engine or a method would be mounted over one that is there."
  }
  assert {
    condition     = length(vault_pki_secret_backend_role.proxy) == 0 && length(vault_transit_secret_backend_key.this) == 0
    error_message = "A part that is not wanted has a role or a key."
  }
}

run "the_credentials_need_a_role_of_aws" {
  command = plan

  variables {
    role_arns = []
  }

  expect_failures = [var.role_arns]
}
