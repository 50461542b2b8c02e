# A network without a way to the internet, a role for two models, and three nodes. The second half is in ../nova.

provider "aws" {
  region = var.region

  default_tags {
    tags = { system = "nova" }
  }
}

data "aws_caller_identity" "this" {}

data "aws_partition" "this" {}

module "platform" {
  source = "../../../platform/aws"

  region     = var.region
  account_id = data.aws_caller_identity.this.account_id
  partition  = data.aws_partition.this.partition
  assumed_by = [{ role_arn = var.vault_role_arn }]

  network = {
    # Named, so that a zone that AWS adds moves nothing.
    availability_zones = var.availability_zones
  }

  calls = [
    { model = "amazon.nova-lite-v1:0", profile = "us", regions = [var.region] },
    { model = "amazon.nova-pro-v1:0", profile = "us", regions = [var.region] },
  ]

  nodes = {
    image_id   = var.image_id
    retry_join = var.consul_servers
    secret_arn = var.node_secret_arn
    meta       = { egress = "bedrock" }
  }
}
