output "auth_method_name" {
  description = "The auth method, for consul_auth_method of both jobs."
  value       = consul_acl_auth_method.this.name
}

output "policy_names" {
  description = "The policies by the name of their file: proxy, operator, security-administrator, agent. People get theirs by tokens or roles of yours."
  value       = { for name, policy in consul_acl_policy.this : name => policy.name }
}

output "role_names" {
  description = "The roles that the tasks of the jobs get: proxy, agent."
  value       = { for name, role in consul_acl_role.this : name => role.name }
}
