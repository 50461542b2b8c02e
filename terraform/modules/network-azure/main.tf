# A network for nodes in Azure. Bedrock is in AWS: it is reached by a NAT gateway, and nothing comes in from outside.

resource "azurerm_virtual_network" "this" {
  name                = var.name
  resource_group_name = var.resource_group_name
  location            = var.location
  address_space       = [var.cidr_block]
  tags                = var.tags
}

resource "azurerm_subnet" "nodes" {
  name                            = "${var.name}-nodes"
  resource_group_name             = var.resource_group_name
  virtual_network_name            = azurerm_virtual_network.this.name
  address_prefixes                = [cidrsubnet(var.cidr_block, 1, 0)]
  default_outbound_access_enabled = false
  service_endpoints               = ["Microsoft.KeyVault"]
}

resource "azurerm_network_security_group" "nodes" {
  name                = "${var.name}-nodes"
  resource_group_name = var.resource_group_name
  location            = var.location
  tags                = var.tags
}

# By Azure's own rules everything of the network may connect, and nothing else; this one lets in whom the caller names.
resource "azurerm_network_security_rule" "trusted" {
  count = length(var.trusted_cidr_blocks) > 0 ? 1 : 0

  name                        = "trusted"
  description                 = "Servers, load balancers and applications"
  resource_group_name         = var.resource_group_name
  network_security_group_name = azurerm_network_security_group.nodes.name
  priority                    = 200
  direction                   = "Inbound"
  access                      = "Allow"
  protocol                    = "*"
  source_port_range           = "*"
  source_address_prefixes     = var.trusted_cidr_blocks
  destination_port_ranges     = var.trusted_ports
  destination_address_prefix  = cidrsubnet(var.cidr_block, 1, 0)
}

resource "azurerm_subnet_network_security_group_association" "nodes" {
  subnet_id                 = azurerm_subnet.nodes.id
  network_security_group_id = azurerm_network_security_group.nodes.id
}

resource "azurerm_public_ip" "nat" {
  name                = "${var.name}-nat"
  resource_group_name = var.resource_group_name
  location            = var.location
  allocation_method   = "Static"
  sku                 = "Standard"
  tags                = var.tags
}

resource "azurerm_nat_gateway" "this" {
  name                = var.name
  resource_group_name = var.resource_group_name
  location            = var.location
  sku_name            = "Standard"
  tags                = var.tags
}

resource "azurerm_nat_gateway_public_ip_association" "this" {
  nat_gateway_id       = azurerm_nat_gateway.this.id
  public_ip_address_id = azurerm_public_ip.nat.id
}

resource "azurerm_subnet_nat_gateway_association" "nodes" {
  subnet_id      = azurerm_subnet.nodes.id
  nat_gateway_id = azurerm_nat_gateway.this.id
}
