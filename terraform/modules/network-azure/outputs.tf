output "subnet_id" {
  description = "The subnet, for nodes."
  value       = azurerm_subnet.nodes.id

  depends_on = [azurerm_subnet_network_security_group_association.nodes, azurerm_subnet_nat_gateway_association.nodes]
}
