# The least that the proxy needs of AWS, as a document and without any resource: what gives it to whom is iam-aws, or an IAM of yours.
#
# Bedrock knows two actions for Converse, ConverseStream and InvokeModel alike. A call by a profile needs the profile in the region
# that is called, and the model in each region that the profile may route to; the condition lets nobody call those directly.
# Source: AWS, "Prerequisites for inference profiles" (Amazon Bedrock User Guide).

locals {
  invoke = ["bedrock:InvokeModel", "bedrock:InvokeModelWithResponseStream"]

  # Where a geography's profiles route to, for models of the Nova family. A region too much is of no harm: the profile decides.
  geographies = {
    us     = ["us-east-1", "us-east-2", "us-west-2"]
    us-gov = ["us-gov-west-1", "us-gov-east-1"]
    eu     = ["eu-central-1", "eu-north-1", "eu-south-1", "eu-south-2", "eu-west-1", "eu-west-3"]
    apac   = ["ap-northeast-1", "ap-northeast-2", "ap-northeast-3", "ap-south-1", "ap-south-2", "ap-southeast-1", "ap-southeast-2"]
    jp     = ["ap-northeast-1", "ap-northeast-3"]
    au     = ["ap-southeast-2", "ap-southeast-4"]
    ca     = ["ca-central-1", "ca-west-1"]
    # A model of a global profile has no region.
    global = [""]
  }

  by_profile = [for call in var.calls : call if call.profile != null]
  directly   = [for call in var.calls : call if call.profile == null]

  profiles = sort(distinct(flatten([
    for call in local.by_profile : [
      for region in call.regions : "arn:${var.partition}:bedrock:${region}:${var.account_id}:inference-profile/${call.profile}.${call.model}"
    ]
  ])))

  # By model, the regions that some profile of it may route to, and the profiles.
  behind_profiles = sort(distinct(flatten([
    for call in local.by_profile : [
      for region in concat(call.regions, coalesce(call.destinations, lookup(local.geographies, call.profile, []))) :
      "arn:${var.partition}:bedrock:${region}::foundation-model/${call.model}"
    ]
  ])))

  models = sort(distinct(flatten([
    for call in local.directly : [
      for region in call.regions : "arn:${var.partition}:bedrock:${region}::foundation-model/${call.model}"
    ]
  ])))

  # Each statement, and whether there is something for it to say.
  statements = [
    {
      is_needed = length(local.profiles) > 0
      says = {
        Sid      = "InvokeByProfile"
        Effect   = "Allow"
        Action   = local.invoke
        Resource = local.profiles
      }
    },
    {
      is_needed = length(local.profiles) > 0
      says = {
        Sid      = "ModelsOnlyByTheseProfiles"
        Effect   = "Allow"
        Action   = local.invoke
        Resource = local.behind_profiles
        Condition = {
          StringEquals = { "bedrock:InferenceProfileArn" = local.profiles }
        }
      }
    },
    {
      is_needed = length(local.models) > 0
      says = {
        Sid      = "InvokeModels"
        Effect   = "Allow"
        Action   = local.invoke
        Resource = local.models
      }
    },
    {
      is_needed = var.may_count_tokens
      says = {
        Sid      = "CountTokens"
        Effect   = "Allow"
        Action   = ["bedrock:CountTokens"]
        Resource = sort(distinct(concat(local.models, [for arn in local.behind_profiles : arn if !strcontains(arn, ":bedrock:::")])))
      }
    },
    {
      is_needed = length(var.guardrail_arns) > 0
      says = {
        Sid      = "ApplyGuardrails"
        Effect   = "Allow"
        Action   = ["bedrock:ApplyGuardrail"]
        Resource = var.guardrail_arns
      }
    },
    {
      is_needed = length(var.denied_service_tiers) > 0
      says = {
        Sid      = "NoDearTiers"
        Effect   = "Deny"
        Action   = local.invoke
        Resource = ["*"]
        Condition = {
          StringEquals = { "bedrock:ServiceTier" = var.denied_service_tiers }
        }
      }
    },
  ]

  document = {
    Version   = "2012-10-17"
    Statement = [for statement in local.statements : statement.says if statement.is_needed]
  }
}
