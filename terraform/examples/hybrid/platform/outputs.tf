output "bedrock_role_arn" {
  description = "For bedrock_role_arn of ../nova."
  value       = module.platform.bedrock_role_arn
}

output "vault_policy_json" {
  description = "What the role of Vault's machines needs."
  value       = module.platform.vault_policy_json
}

output "datacenter" {
  description = "For datacenter of ../nova."
  value       = module.platform.datacenter
}
