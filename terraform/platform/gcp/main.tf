# What the product needs of Google Cloud: a network with a way to Bedrock, and nodes. Their AWS credentials come from Vault.

module "network" {
  source = "../../modules/network-gcp"

  name                = var.name
  region              = var.region
  cidr_block          = var.cidr_block
  trusted_cidr_blocks = var.trusted_cidr_blocks
  has_nat             = var.has_nat
}

module "node_config" {
  source = "../../modules/node-config"

  cloud                    = "gcp"
  datacenter               = coalesce(var.nodes.datacenter, "gcp-${var.region}")
  consul_datacenter        = var.nodes.consul_datacenter
  region                   = var.nodes.nomad_region
  retry_join               = var.nodes.retry_join
  secret                   = "projects/${var.project}/secrets/${var.nodes.secret_id}/versions/latest"
  meta                     = var.nodes.meta
  max_kill_timeout_seconds = var.nodes.max_kill_timeout_seconds
}

module "clients" {
  source = "../../modules/clients-gcp"

  name         = var.name
  project      = var.project
  region       = var.region
  image        = var.nodes.image
  machine_type = var.nodes.machine_type
  subnetwork   = module.network.subnetwork
  node_tag     = module.network.node_tag
  nodes        = var.nodes.size
  user_data    = module.node_config.user_data
  secret_id    = var.nodes.secret_id
  kms_key      = var.nodes.kms_key
}
