output "role_arn" {
  description = "The role that may call Bedrock, for vault.role_arns of terraform/nova."
  value       = aws_iam_role.bedrock.arn
}

output "instance_profile_name" {
  description = "The instance profile; null where the role is not that of machines."
  value       = one(aws_iam_instance_profile.bedrock[*].name)
}

output "assume_policy_json" {
  description = "What the role of Vault's own machine needs, so that its AWS engine can assume this one."
  value = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid      = "AssumeTheRoleOfNova"
      Effect   = "Allow"
      Action   = ["sts:AssumeRole"]
      Resource = [aws_iam_role.bedrock.arn]
    }]
  })
}

output "policy_arn" {
  description = "The policy with the models that may be called, for roles of yours."
  value       = aws_iam_policy.bedrock.arn
}
