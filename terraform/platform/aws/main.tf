# What the product needs of AWS: a network from which Bedrock is reached, a role that may call it, and nodes. Servers of Consul, Nomad
# and Vault are not made: they are the customer's, and outlive this.

module "network" {
  source = "../../modules/network-aws"

  name                     = var.name
  region                   = var.region
  account_id               = var.account_id
  vpc_id                   = var.network.vpc_id
  subnet_ids               = var.network.subnet_ids
  cidr_block               = var.network.cidr_block
  availability_zones       = var.network.availability_zones
  endpoint_services        = var.network.endpoint_services
  has_nat                  = var.network.has_nat
  flow_log_retention_days  = var.network.flow_log_retention_days
  flow_log_kms_key_arn     = var.network.flow_log_kms_key_arn
  permissions_boundary_arn = var.permissions_boundary_arn
  tags                     = var.tags
}

module "bedrock_policy" {
  source = "../../modules/bedrock-policy"

  partition  = var.partition
  account_id = var.account_id
  calls      = var.calls
}

module "iam" {
  source = "../../modules/iam-aws"

  name                     = var.name
  account_id               = var.account_id
  bedrock_policy_json      = module.bedrock_policy.json
  assumed_by               = var.assumed_by
  is_instance_role         = length(var.assumed_by) == 0
  permissions_boundary_arn = var.permissions_boundary_arn
  tags                     = var.tags
}

module "node_config" {
  source = "../../modules/node-config"
  count  = var.nodes == null ? 0 : 1

  cloud                    = "aws"
  datacenter               = coalesce(var.nodes.datacenter, "aws-${var.region}")
  consul_datacenter        = var.nodes.consul_datacenter
  region                   = var.nodes.nomad_region
  retry_join               = var.nodes.retry_join
  secret                   = var.nodes.secret_arn
  meta                     = var.nodes.meta
  max_kill_timeout_seconds = var.nodes.max_kill_timeout_seconds
}

module "clients" {
  source = "../../modules/clients-aws"
  count  = var.nodes == null ? 0 : 1

  name                     = var.name
  image_id                 = var.nodes.image_id
  instance_type            = var.nodes.instance_type
  vpc_id                   = module.network.vpc_id
  subnet_ids               = module.network.subnet_ids
  nodes                    = var.nodes.size
  user_data                = module.node_config[0].user_data
  secret_arn               = var.nodes.secret_arn
  kms_key_arn              = var.nodes.kms_key_arn
  egress_cidr_blocks       = var.nodes.egress_cidr_blocks
  ingress                  = var.nodes.ingress
  permissions_boundary_arn = var.permissions_boundary_arn
  tags                     = var.tags
}

# Without Vault the machines themselves call Bedrock, by the same role by which they read their secret.
resource "aws_iam_role_policy_attachment" "nodes_call_bedrock" {
  count = length(var.assumed_by) == 0 && var.nodes != null ? 1 : 0

  role       = module.clients[0].node_role_name
  policy_arn = module.iam.policy_arn
}
