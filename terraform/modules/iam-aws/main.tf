# The role that may call Bedrock: assumed by Vault, or had by the machines. Nothing here is a user or has a key.

locals {
  trust = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [
        for one in var.assumed_by : merge(
          {
            Effect    = "Allow"
            Principal = { AWS = one.role_arn }
            Action    = ["sts:AssumeRole"]
          },
          one.external_id == null ? {} : { Condition = { StringEquals = { "sts:ExternalId" = one.external_id } } },
        )
      ],
      var.is_instance_role ? [{
        Effect    = "Allow"
        Principal = { Service = "ec2.amazonaws.com" }
        Action    = ["sts:AssumeRole"]
      }] : [],
    )
  })
}

resource "aws_iam_role" "bedrock" {
  name                 = "${var.name}-bedrock"
  path                 = var.path
  description          = "Calls Amazon Bedrock for nova-proxy"
  assume_role_policy   = local.trust
  max_session_duration = var.max_session_seconds
  permissions_boundary = var.permissions_boundary_arn
  tags                 = var.tags

  lifecycle {
    precondition {
      condition     = length(var.assumed_by) > 0 || var.is_instance_role
      error_message = "Nobody could assume the role: name somebody in assumed_by, or set is_instance_role."
    }
  }
}

resource "aws_iam_policy" "bedrock" {
  name        = "${var.name}-bedrock"
  path        = var.path
  description = "The models that nova-proxy may call"
  policy      = var.bedrock_policy_json
  tags        = var.tags
}

resource "aws_iam_role_policy_attachment" "bedrock" {
  role       = aws_iam_role.bedrock.name
  policy_arn = aws_iam_policy.bedrock.arn
}

resource "aws_iam_instance_profile" "bedrock" {
  count = var.is_instance_role ? 1 : 0

  name = "${var.name}-bedrock"
  path = var.path
  role = aws_iam_role.bedrock.name
  tags = var.tags
}
