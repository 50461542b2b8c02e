output "identity_principal_id" {
  description = "The identity of the nodes."
  value       = azurerm_user_assigned_identity.node.principal_id
}

output "scale_set_id" {
  description = "The scale set, for load balancers."
  value       = azurerm_linux_virtual_machine_scale_set.nodes.id
}
