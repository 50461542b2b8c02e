output "namespace" {
  description = "The namespace of Nomad that the jobs are in."
  value       = module.nomad.namespace
}

output "nomad_policy_names" {
  description = "The policies of Nomad, for tokens of people: deployer, viewer, keys-administrator; and the agent's own."
  value       = module.nomad.policy_names
}

output "consul_policy_names" {
  description = "The policies of Consul, for tokens of people: operator, security-administrator; and those of the jobs."
  value       = one(module.consul[*].policy_names)
}

output "vault_policy_names" {
  description = "The policies of Vault, for people: restorer, auditor, secrets-administrator; and those of the jobs."
  value       = one(module.vault[*].policy_names)
}

output "versions" {
  description = "The versions of the jobs that were handed in."
  value       = { proxy = module.proxy.nova_version, agent = module.agent.nova_version }
}
