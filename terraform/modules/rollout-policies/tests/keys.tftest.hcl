mock_provider "consul" {}

run "each_policy_is_where_the_agent_looks_for_it" {
  command = plan

  variables {
    prefix   = "nova/prod"
    policies = { default = { nova-proxy = "bake_time = \"10m\"" }, gateways = { nova-proxy = "# The defaults." } }
  }

  assert {
    condition     = toset(output.keys) == toset(["nova/prod/policies/default/nova-proxy", "nova/prod/policies/gateways/nova-proxy"])
    error_message = "A policy is under another key."
  }
  assert {
    condition     = one(consul_keys.this["default/nova-proxy"].key).value == "bake_time = \"10m\""
    error_message = "A policy says something else."
  }
}

run "an_empty_policy_is_refused" {
  command = plan

  variables {
    policies = { default = { nova-proxy = " " } }
  }

  expect_failures = [var.policies]
}
