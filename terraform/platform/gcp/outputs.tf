output "datacenter" {
  description = "The datacenter of the nodes in Nomad, for datacenters of the jobs."
  value       = coalesce(var.nodes.datacenter, "gcp-${var.region}")
}

output "instance_group" {
  description = "The group of the nodes, for load balancers."
  value       = module.clients.instance_group
}
