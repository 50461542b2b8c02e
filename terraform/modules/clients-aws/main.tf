# Nodes of Nomad from an image of packer/. They join Consul and Nomad by themselves, with secrets that they read by their own role.

locals {
  rules = merge([
    for name, rule in var.ingress : { for block in rule.cidr_blocks : "${name} ${block}" => merge(rule, { cidr_block = block, name = name }) }
  ]...)
}

resource "aws_security_group" "nodes" {
  name        = "${var.name}-nodes"
  description = "Nodes of Nomad that run nova-proxy"
  vpc_id      = var.vpc_id
  tags        = merge(var.tags, { Name = "${var.name}-nodes" })

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_vpc_security_group_ingress_rule" "nodes" {
  for_each = local.rules

  security_group_id = aws_security_group.nodes.id
  description       = each.value.name
  cidr_ipv4         = each.value.cidr_block
  ip_protocol       = "tcp"
  from_port         = each.value.from_port
  to_port           = each.value.to_port
  tags              = var.tags
}

# The nodes among themselves: Consul's gossip is UDP too, tasks have ports of Nomad's choice.
resource "aws_vpc_security_group_ingress_rule" "among_nodes" {
  security_group_id            = aws_security_group.nodes.id
  description                  = "among nodes"
  referenced_security_group_id = aws_security_group.nodes.id
  ip_protocol                  = "-1"
  tags                         = var.tags
}

resource "aws_vpc_security_group_egress_rule" "nodes" {
  for_each = toset(var.egress_cidr_blocks)

  security_group_id = aws_security_group.nodes.id
  description       = "out"
  cidr_ipv4         = each.key
  ip_protocol       = "-1"
  tags              = var.tags
}

resource "aws_iam_role" "node" {
  count = var.instance_profile_name == null ? 1 : 0

  name                 = "${var.name}-node"
  description          = "Nodes of Nomad: read their secret, and find the servers"
  permissions_boundary = var.permissions_boundary_arn
  tags                 = var.tags

  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Principal = { Service = "ec2.amazonaws.com" }, Action = "sts:AssumeRole" }]
  })
}

resource "aws_iam_role_policy" "node" {
  count = var.instance_profile_name == null ? 1 : 0

  name = "node"
  role = aws_iam_role.node[0].id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      { Sid = "OwnSecret", Effect = "Allow", Action = ["secretsmanager:GetSecretValue"], Resource = [var.secret_arn] },
      # Consul's way to find servers by a tag; EC2 knows no finer right.
      { Sid = "FindServers", Effect = "Allow", Action = ["ec2:DescribeInstances"], Resource = ["*"] },
    ]
  })
}

resource "aws_iam_instance_profile" "node" {
  count = var.instance_profile_name == null ? 1 : 0

  name = "${var.name}-node"
  role = aws_iam_role.node[0].name
  tags = var.tags
}

resource "aws_launch_template" "node" {
  name_prefix            = "${var.name}-node-"
  description            = "Nodes of Nomad that run nova-proxy"
  image_id               = var.image_id
  instance_type          = var.instance_type
  user_data              = base64encode(var.user_data)
  update_default_version = true
  tags                   = var.tags

  iam_instance_profile {
    name = coalesce(var.instance_profile_name, one(aws_iam_instance_profile.node[*].name))
  }

  # Version 2 alone, and not for tasks: one hop ends at the machine itself.
  metadata_options {
    http_endpoint               = "enabled"
    http_tokens                 = "required"
    http_put_response_hop_limit = 1
    instance_metadata_tags      = "disabled"
  }

  network_interfaces {
    associate_public_ip_address = false
    security_groups             = [aws_security_group.nodes.id]
  }

  block_device_mappings {
    device_name = "/dev/xvda"

    ebs {
      volume_size           = 40
      volume_type           = "gp3"
      encrypted             = true
      kms_key_id            = var.kms_key_arn
      delete_on_termination = true
    }
  }

  monitoring {
    enabled = true
  }

  tag_specifications {
    resource_type = "instance"
    tags          = merge(var.tags, { Name = "${var.name}-node" })
  }

  tag_specifications {
    resource_type = "volume"
    tags          = merge(var.tags, { Name = "${var.name}-node" })
  }

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_autoscaling_group" "nodes" {
  name_prefix         = "${var.name}-nodes-"
  vpc_zone_identifier = var.subnet_ids
  min_size            = var.nodes.min
  max_size            = var.nodes.max
  desired_capacity    = var.nodes.desired
  health_check_type   = "EC2"

  launch_template {
    id      = aws_launch_template.node.id
    version = aws_launch_template.node.latest_version
  }

  # A new image is not rolled out by this: Nomad has to drain a node first, for as long as streams last. docs/how-to/terraform.md.
  dynamic "tag" {
    for_each = merge(var.tags, { Name = "${var.name}-node" })
    content {
      key                 = tag.key
      value               = tag.value
      propagate_at_launch = true
    }
  }

  lifecycle {
    create_before_destroy = true
  }
}
