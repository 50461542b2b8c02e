# A network with a way to Bedrock, and three nodes in the Nomad region of another cloud. The second half is in ../nova.

provider "google" {
  project = var.project
  region  = var.region
}

module "platform" {
  source = "../../../platform/gcp"

  project             = var.project
  region              = var.region
  trusted_cidr_blocks = var.trusted_cidr_blocks

  nodes = {
    image      = var.image
    retry_join = var.consul_servers
    secret_id  = var.node_secret_id
    meta       = { egress = "bedrock" }
  }
}
