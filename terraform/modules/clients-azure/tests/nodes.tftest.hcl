mock_provider "azurerm" {
  mock_resource "azurerm_user_assigned_identity" {
    defaults = {
      id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/nova/providers/Microsoft.ManagedIdentity/userAssignedIdentities/nova-node"
    }
  }
}

variables {
  resource_group_name  = "nova"
  location             = "eastus2"
  image_id             = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/nova/providers/Microsoft.Compute/images/nova-node-0.1.0"
  subnet_id            = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/nova/providers/Microsoft.Network/virtualNetworks/nova/subnets/nova-nodes"
  user_data            = "#cloud-config\n{}\n"
  key_vault_id         = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/nova/providers/Microsoft.KeyVault/vaults/nova"
  secret_name          = "nova-node"
  admin_ssh_public_key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIExampleExampleExampleExampleExampleExampleEx nova"
}

run "nodes_are_encrypted_and_may_read_one_secret" {
  command = plan

  assert {
    condition     = azurerm_linux_virtual_machine_scale_set.nodes.encryption_at_host_enabled && azurerm_linux_virtual_machine_scale_set.nodes.disable_password_authentication
    error_message = "A disk is not encrypted, or a password opens a node."
  }
  assert {
    condition     = endswith(azurerm_role_assignment.node.scope, "/vaults/nova/secrets/nova-node")
    error_message = "A node may read other secrets."
  }
  assert {
    condition     = base64decode(azurerm_linux_virtual_machine_scale_set.nodes.custom_data) == "#cloud-config\n{}\n"
    error_message = "cloud-init would read something else."
  }
}

run "any_image_is_refused" {
  command = plan

  variables {
    image_id = "Canonical:ubuntu:24_04:latest"
  }

  expect_failures = [var.image_id]
}
