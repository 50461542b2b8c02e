output "datacenter" {
  description = "The datacenter of the nodes in Nomad, for datacenters of the jobs."
  value       = coalesce(var.nodes.datacenter, "azure-${var.location}")
}

output "scale_set_id" {
  description = "The scale set of the nodes, for load balancers."
  value       = module.clients.scale_set_id
}
