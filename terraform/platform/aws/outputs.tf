output "bedrock_role_arn" {
  description = "The role that may call Bedrock, for vault.role_arns of terraform/nova."
  value       = module.iam.role_arn
}

output "vault_policy_json" {
  description = "What the role of Vault's own machine needs, so that it can assume that role."
  value       = module.iam.assume_policy_json
}

output "datacenter" {
  description = "The datacenter of the nodes in Nomad, for datacenters of the jobs."
  value       = var.nodes == null ? null : coalesce(var.nodes.datacenter, "aws-${var.region}")
}

output "subnet_ids" {
  description = "The subnets of the nodes."
  value       = module.network.subnet_ids
}

output "node_security_group_id" {
  description = "The group of the nodes, for rules of load balancers."
  value       = one(module.clients[*].security_group_id)
}
