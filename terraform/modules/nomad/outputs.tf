output "namespace" {
  description = "The namespace of the jobs, once it and the policies are there: jobs that take it from here come after them."
  value       = var.namespace

  depends_on = [nomad_namespace.this, nomad_acl_policy.this]
}

output "policy_names" {
  description = "The policies by the name of their file: deployer, viewer, keys-administrator, agent. People get theirs by tokens or roles of yours."
  value       = { for name, policy in nomad_acl_policy.this : name => policy.name }
}
