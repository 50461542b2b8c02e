# The half in AWS: nodes in a VPC that is there, which join the servers of the own data center over a private line.

provider "aws" {
  region = var.region
}

data "aws_caller_identity" "this" {}

module "platform" {
  source = "../../../platform/aws"

  region     = var.region
  account_id = data.aws_caller_identity.this.account_id
  assumed_by = [{ role_arn = var.vault_role_arn }]

  network = {
    vpc_id     = var.vpc_id
    subnet_ids = var.subnet_ids
  }

  calls = [{ model = "amazon.nova-lite-v1:0", profile = "us", regions = [var.region] }]

  nodes = {
    image_id          = var.image_id
    retry_join        = var.consul_servers
    consul_datacenter = "dc1"
    secret_arn        = var.node_secret_arn
    meta              = { egress = "bedrock" }
    ingress = {
      gossip = { from_port = 8301, to_port = 8301, cidr_blocks = var.own_cidr_blocks }
      tasks  = { from_port = 20000, to_port = 32000, cidr_blocks = var.own_cidr_blocks }
    }
  }
}
