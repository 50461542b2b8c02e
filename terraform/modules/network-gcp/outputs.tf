output "subnetwork" {
  description = "The subnet, for nodes."
  value       = google_compute_subnetwork.nodes.id
}

output "node_tag" {
  description = "The network tag that the rules know nodes by."
  value       = "${var.name}-node"
}
