output "json" {
  description = "The policy."
  value       = jsonencode(local.document)
}

output "resources" {
  description = "What may be invoked: profiles, and models that are called by themselves. For the policy of a VPC endpoint."
  value       = concat(local.profiles, local.models, local.behind_profiles)
}
