output "jwt_auth_path" {
  description = "Where the auth method for the tasks of Nomad is."
  value       = var.jwt_auth_path

  depends_on = [vault_jwt_auth_backend.nomad]
}

output "role_names" {
  description = "The roles by which the tasks of the jobs log in: proxy, for vault_role of its job, and agent."
  value       = { for name, role in vault_jwt_auth_backend_role.this : name => role.role_name }
}

output "policy_names" {
  description = "The policies by the name of their file: proxy, agent, restorer, auditor, secrets-administrator. People get theirs by roles of yours."
  value       = { for name, policy in vault_policy.this : name => policy.name }
}

output "credentials" {
  description = "What bedrock.vault_credentials of the proxy's configuration says; null without the part aws."
  value       = contains(var.parts, "aws") ? { mount = var.aws_mount, role = vault_aws_secret_backend_role.bedrock[0].name } : null
}
