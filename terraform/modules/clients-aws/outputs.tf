output "security_group_id" {
  description = "The group of the nodes, for rules of load balancers."
  value       = aws_security_group.nodes.id
}

output "autoscaling_group_name" {
  description = "The group whose size may be changed."
  value       = aws_autoscaling_group.nodes.name
}

output "node_role_name" {
  description = "The role of the nodes; null where another profile was given."
  value       = one(aws_iam_role.node[*].name)
}
