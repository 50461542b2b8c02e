output "user_data" {
  description = "What cloud-init reads, as text."
  value       = "#cloud-config\n${jsonencode(local.cloud_config)}\n"
}

output "node_json" {
  description = "What packer/files/nova-node reads, for nodes that have no cloud-init: /etc/nova-node/node.json."
  value       = jsonencode(local.node)
}
