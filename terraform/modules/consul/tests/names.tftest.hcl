# The policies are the files of jobs/policies/consul, with an installation's names in every place.

mock_provider "consul" {}

variables {
  nomad_jwks_url = "https://nomad.example.com:4646/.well-known/jwks.json"
}

run "with_the_names_of_the_guide_the_policies_are_the_files" {
  command = plan

  assert {
    condition     = alltrue([for name, policy in consul_acl_policy.this : policy.rules == file("../../../jobs/policies/consul/${name}.hcl")])
    error_message = "A policy is not what its file says."
  }
  assert {
    condition     = length(consul_acl_policy.this) == length(fileset("../../../jobs/policies/consul", "*.hcl"))
    error_message = "A file of jobs/policies/consul has no policy, or a policy no file."
  }
  assert {
    condition     = { for name, policy in consul_acl_policy.this : name => policy.name } == { for name in ["proxy", "operator", "security-administrator", "agent"] : name => "nova-${name}" }
    error_message = "The policies are not called as those of nova-agent setup are."
  }
  assert {
    condition     = consul_acl_auth_method.this.name == "nova-workloads" && consul_acl_auth_method.this.max_token_ttl == "3600s"
    error_message = "The auth method is not that of nova-agent setup."
  }
  assert {
    condition = jsondecode(consul_acl_auth_method.this.config_json) == merge(
      jsondecode(file("../../../jobs/policies/consul/auth-method.json")),
      { JWKSURL = "https://nomad.example.com:4646/.well-known/jwks.json" },
    )
    error_message = "The auth method says something else than its file, or has other keys than those of nomad_jwks_url."
  }
  assert {
    condition     = consul_acl_binding_rule.this["proxy"].selector == "value.nomad_namespace == \"default\" and value.nomad_job_id == \"nova-proxy\""
    error_message = "The role of the proxy is not bound to its namespace and job."
  }
}

run "other_names_are_in_every_place" {
  command = plan

  variables {
    names            = "gate"
    prefix           = "nova/default/nova"
    service          = "gateway"
    auth_method_name = "gates"
    nomad_namespace  = "gateways"
    proxy_job        = "gw"
    agent_job        = "pilot"
  }

  assert {
    condition = alltrue(flatten([
      for policy in consul_acl_policy.this : [
        for line in split("\n", policy.rules) :
        startswith(line, "#") || (!strcontains(line, "nova-proxy") && (!strcontains(line, "nova/") || strcontains(line, "\"nova/default/nova/")))
      ]
    ]))
    error_message = "A rule speaks of a name of the guide."
  }
  assert {
    condition     = strcontains(consul_acl_policy.this["agent"].rules, "key_prefix \"nova/default/nova/\"")
    error_message = "A prefix that holds the guide's is put in twice."
  }
  assert {
    condition = { for name, rule in consul_acl_binding_rule.this : name => rule.selector } == {
      proxy = "value.nomad_namespace == \"gateways\" and value.nomad_job_id == \"gw\""
      agent = "value.nomad_namespace == \"gateways\" and value.nomad_job_id == \"pilot\""
    }
    error_message = "A role is bound to another job."
  }
}

run "keys_over_tls_name_their_authority" {
  command = plan

  variables {
    nomad_jwks_ca_pem = "an authority"
  }

  assert {
    condition     = jsondecode(consul_acl_auth_method.this.config_json).JWKSCACert == "an authority"
    error_message = "The authority is not named."
  }
}

run "a_name_cannot_say_more_than_a_name" {
  command = plan

  variables {
    names  = "nova\" { policy = \"write\" } #"
    prefix = "nova/"
  }

  expect_failures = [var.names, var.prefix]
}
