# A network in which the proxies reach Bedrock without the internet: of a VPC that is there only what it lacks is made.

locals {
  makes_vpc  = var.vpc_id == null
  vpc_id     = local.makes_vpc ? aws_vpc.this[0].id : var.vpc_id
  subnet_ids = local.makes_vpc ? [for zone in var.availability_zones : aws_subnet.private[zone].id] : var.subnet_ids
  numbers    = { for number, zone in var.availability_zones : zone => number }
}

resource "aws_vpc" "this" {
  count = local.makes_vpc ? 1 : 0

  cidr_block           = var.cidr_block
  enable_dns_support   = true
  enable_dns_hostnames = true # Endpoints have names of their own in it.
  tags                 = merge(var.tags, { Name = var.name })
}

# Whatever is started without a group of its own reaches nothing.
resource "aws_default_security_group" "this" {
  count = local.makes_vpc ? 1 : 0

  vpc_id = aws_vpc.this[0].id
  tags   = merge(var.tags, { Name = "${var.name}-nothing" })
}

resource "aws_subnet" "private" {
  for_each = local.makes_vpc ? local.numbers : {}

  vpc_id                  = aws_vpc.this[0].id
  availability_zone       = each.key
  cidr_block              = cidrsubnet(var.cidr_block, 4, each.value)
  map_public_ip_on_launch = false
  tags                    = merge(var.tags, { Name = "${var.name}-private-${each.key}" })
}

resource "aws_route_table" "private" {
  for_each = local.makes_vpc ? local.numbers : {}

  vpc_id = aws_vpc.this[0].id
  tags   = merge(var.tags, { Name = "${var.name}-private-${each.key}" })
}

resource "aws_route_table_association" "private" {
  for_each = local.makes_vpc ? local.numbers : {}

  subnet_id      = aws_subnet.private[each.key].id
  route_table_id = aws_route_table.private[each.key].id
}

# Where the endpoints take calls from: all of the network, by TLS alone.
resource "aws_security_group" "endpoints" {
  name        = "${var.name}-endpoints"
  description = "Interface endpoints that nova-proxy calls"
  vpc_id      = local.vpc_id
  tags        = merge(var.tags, { Name = "${var.name}-endpoints" })
}

resource "aws_vpc_security_group_ingress_rule" "endpoints" {
  security_group_id = aws_security_group.endpoints.id
  description       = "TLS from the network"
  cidr_ipv4         = var.cidr_block
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
  tags              = var.tags
}

# Roles of other accounts cannot carry data out by these.
resource "aws_vpc_endpoint" "this" {
  for_each = var.endpoint_services

  vpc_id              = local.vpc_id
  vpc_endpoint_type   = "Interface"
  service_name        = "com.amazonaws.${var.region}.${each.key}"
  subnet_ids          = local.subnet_ids
  security_group_ids  = [aws_security_group.endpoints.id]
  private_dns_enabled = true
  tags                = merge(var.tags, { Name = "${var.name}-${each.key}" })

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { AWS = "*" }
      Action = {
        bedrock-runtime = ["bedrock:InvokeModel", "bedrock:InvokeModelWithResponseStream", "bedrock:CountTokens", "bedrock:ApplyGuardrail"]
        bedrock         = ["bedrock:Get*", "bedrock:List*"]
        sts             = ["sts:AssumeRole", "sts:AssumeRoleWithWebIdentity", "sts:GetCallerIdentity"]
        secretsmanager  = ["secretsmanager:GetSecretValue"]
        logs            = ["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"]
        kms             = ["kms:Decrypt", "kms:GenerateDataKey"]
        ssm             = ["ssm:GetParameter", "ssm:GetParameters"]
      }[each.key]
      Resource  = "*"
      Condition = { StringEquals = { "aws:PrincipalAccount" = var.account_id } }
    }]
  })
}
