# What the product needs of Azure: a network with a way to Bedrock, and nodes. Their AWS credentials come from Vault.

locals {
  key_vault_name = element(split("/", var.nodes.key_vault_id), -1)
}

module "network" {
  source = "../../modules/network-azure"

  name                = var.name
  resource_group_name = var.resource_group_name
  location            = var.location
  cidr_block          = var.cidr_block
  trusted_cidr_blocks = var.trusted_cidr_blocks
  tags                = var.tags
}

module "node_config" {
  source = "../../modules/node-config"

  cloud                    = "azure"
  datacenter               = coalesce(var.nodes.datacenter, "azure-${var.location}")
  consul_datacenter        = var.nodes.consul_datacenter
  region                   = var.nodes.nomad_region
  retry_join               = var.nodes.retry_join
  secret                   = "https://${local.key_vault_name}.vault.azure.net/secrets/${var.nodes.secret_name}"
  meta                     = var.nodes.meta
  max_kill_timeout_seconds = var.nodes.max_kill_timeout_seconds
}

module "clients" {
  source = "../../modules/clients-azure"

  name                 = var.name
  resource_group_name  = var.resource_group_name
  location             = var.location
  zones                = var.nodes.zones
  image_id             = var.nodes.image_id
  vm_size              = var.nodes.vm_size
  subnet_id            = module.network.subnet_id
  nodes                = var.nodes.size
  user_data            = module.node_config.user_data
  key_vault_id         = var.nodes.key_vault_id
  secret_name          = var.nodes.secret_name
  admin_ssh_public_key = var.nodes.admin_ssh_public_key
  tags                 = var.tags
}
