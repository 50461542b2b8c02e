output "service_account" {
  description = "The account of the nodes."
  value       = google_service_account.node.email
}

output "instance_group" {
  description = "The group of the nodes, for load balancers."
  value       = google_compute_region_instance_group_manager.nodes.instance_group
}
