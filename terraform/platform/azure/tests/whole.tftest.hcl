mock_provider "azurerm" {
  mock_resource "azurerm_user_assigned_identity" {
    defaults = {
      id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/nova/providers/Microsoft.ManagedIdentity/userAssignedIdentities/nova-node"
    }
  }
}

run "nodes_read_their_secret_in_the_vault" {
  command = plan

  variables {
    resource_group_name = "nova"
    location            = "eastus2"
    nodes = {
      image_id             = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/nova/providers/Microsoft.Compute/images/nova-node-0.1.0"
      retry_join           = ["10.0.0.1"]
      key_vault_id         = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/nova/providers/Microsoft.KeyVault/vaults/nova"
      secret_name          = "nova-node"
      admin_ssh_public_key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIExampleExampleExampleExampleExampleExampleEx nova"
    }
  }

  assert {
    condition     = jsondecode(module.node_config.node_json).secret == "https://nova.vault.azure.net/secrets/nova-node" && output.datacenter == "azure-eastus2"
    error_message = "The nodes would look somewhere else."
  }
}
