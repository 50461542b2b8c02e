# Nodes of Nomad from an image of packer/, in Azure. They join Consul and Nomad by themselves, with secrets that they read by their own
# identity.

resource "azurerm_user_assigned_identity" "node" {
  name                = "${var.name}-node"
  resource_group_name = var.resource_group_name
  location            = var.location
  tags                = var.tags
}

resource "azurerm_role_assignment" "node" {
  scope                = "${var.key_vault_id}/secrets/${var.secret_name}"
  role_definition_name = "Key Vault Secrets User"
  principal_id         = azurerm_user_assigned_identity.node.principal_id
}

resource "azurerm_linux_virtual_machine_scale_set" "nodes" {
  name                            = "${var.name}-nodes"
  resource_group_name             = var.resource_group_name
  location                        = var.location
  zones                           = var.zones
  zone_balance                    = true
  sku                             = var.vm_size
  instances                       = var.nodes
  source_image_id                 = var.image_id
  custom_data                     = base64encode(var.user_data)
  admin_username                  = "nova"
  disable_password_authentication = true
  encryption_at_host_enabled      = true
  secure_boot_enabled             = true
  vtpm_enabled                    = true
  overprovision                   = false
  # Machines are replaced by whoever drains them first, and not by a change of the model.
  upgrade_mode = "Manual"
  tags         = var.tags

  admin_ssh_key {
    username   = "nova"
    public_key = var.admin_ssh_public_key
  }

  identity {
    type         = "UserAssigned"
    identity_ids = [azurerm_user_assigned_identity.node.id]
  }

  os_disk {
    caching              = "ReadWrite"
    storage_account_type = "Premium_LRS"
    disk_size_gb         = 40
  }

  # No public_ip_address: no address of the internet.
  network_interface {
    name    = "nodes"
    primary = true

    ip_configuration {
      name      = "nodes"
      primary   = true
      subnet_id = var.subnet_id
    }
  }

  depends_on = [azurerm_role_assignment.node]
}
