# The policies are the files of jobs/policies/nomad, with an installation's names in every place.

mock_provider "nomad" {}

run "with_the_names_of_the_guide_the_policies_are_the_files" {
  command = plan

  assert {
    condition     = alltrue([for name, policy in nomad_acl_policy.this : policy.rules_hcl == file("../../../jobs/policies/nomad/${name}.hcl")])
    error_message = "A policy is not what its file says."
  }
  assert {
    condition     = length(nomad_acl_policy.this) == length(fileset("../../../jobs/policies/nomad", "*.hcl"))
    error_message = "A file of jobs/policies/nomad has no policy, or a policy no file."
  }
  assert {
    condition     = length(nomad_namespace.this) == 0
    error_message = "The namespace default would be taken away by a destroy."
  }
}

run "only_the_agents_policy_is_a_tasks" {
  command = plan

  variables {
    namespace = "gateways"
    proxy_job = "bedrock"
    agent_job = "pilot"
  }

  assert {
    condition     = { for name, policy in nomad_acl_policy.this : name => length(policy.job_acl) } == { deployer = 0, viewer = 0, keys-administrator = 0, agent = 1 }
    error_message = "Another policy than the agent's is bound to a task, or the agent's is not."
  }
  assert {
    condition = one([
      for acl in nomad_acl_policy.this["agent"].job_acl : "${acl.namespace}/${acl.job_id}/${acl.group}/${acl.task}"
    ]) == "gateways/pilot/agent/nova-agent"
    error_message = "The agent's policy is bound to another task."
  }
  assert {
    condition = alltrue(flatten([
      for policy in nomad_acl_policy.this : [
        for line in split("\n", policy.rules_hcl) : startswith(line, "#") || (!strcontains(line, "\"default\"") && !strcontains(line, "nova-proxy"))
      ]
    ]))
    error_message = "A rule speaks of a name of the guide."
  }
  assert {
    condition     = nomad_namespace.this[0].name == "gateways"
    error_message = "The namespace is not made."
  }
}

run "a_nomad_without_acls_takes_no_policies" {
  command = plan

  variables {
    has_acl = false
  }

  assert {
    condition     = length(nomad_acl_policy.this) == 0
    error_message = "A Nomad without ACLs refuses policies."
  }
}
