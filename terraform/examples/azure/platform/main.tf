# A network with a way to Bedrock, and three nodes in the Nomad region of another cloud. The second half is in ../nova.

provider "azurerm" {
  features {}
}

module "platform" {
  source = "../../../platform/azure"

  resource_group_name = var.resource_group_name
  location            = var.location
  trusted_cidr_blocks = var.trusted_cidr_blocks

  nodes = {
    image_id             = var.image_id
    retry_join           = var.consul_servers
    key_vault_id         = var.key_vault_id
    secret_name          = "nova-node"
    admin_ssh_public_key = var.admin_ssh_public_key
    meta                 = { egress = "bedrock" }
  }
}
