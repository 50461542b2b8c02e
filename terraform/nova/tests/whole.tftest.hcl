# What one part makes reaches the parts that need it.

mock_provider "consul" {}
mock_provider "nomad" {}
mock_provider "vault" {}

variables {
  nomad_jwks_url = "https://nomad.example.com:4646/.well-known/jwks.json"
  proxy          = { version = "0.1.0", artifact = "/usr/local/bin/nova-proxy" }
  agent          = { version = "0.1.0", artifact = "/usr/local/bin/nova-agent" }
}

run "with_a_vault_the_jobs_log_in_to_everything" {
  command = plan

  variables {
    names           = "gate"
    nomad_namespace = "gateways"
    vault           = { role_arns = ["arn:aws:iam::123456789012:role/nova"] }
  }

  assert {
    condition     = module.vault[0].role_names == { proxy = "gate-proxy", agent = "gate-agent" } && module.consul[0].auth_method_name == "nova-workloads"
    error_message = "The roles have other names."
  }
  assert {
    condition     = output.vault_policy_names.proxy == "gate-proxy" && output.nomad_policy_names.agent == "gate-agent"
    error_message = "The policies have other names."
  }
  assert {
    condition     = output.namespace == "gateways"
    error_message = "The jobs are in another namespace than the one that is made."
  }
}

run "without_vault_and_acls_there_are_the_jobs" {
  command = plan

  variables {
    has_consul_acl = false
    has_nomad_acl  = false
  }

  assert {
    condition     = length(module.vault) == 0 && length(module.consul) == 0
    error_message = "A server that is not there would be set up."
  }
  assert {
    condition     = output.versions == { proxy = "0.1.0", agent = "0.1.0" }
    error_message = "The jobs have other versions."
  }
}
