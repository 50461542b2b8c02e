# No provider is needed: the policy is a text.

variables {
  account_id = "123456789012"
  calls      = [{ model = "amazon.nova-2-lite-v1:0", profile = "us", regions = ["us-east-1"] }]
}

run "a_profile_and_its_models_and_nothing_else" {
  command = plan

  assert {
    condition = jsondecode(output.json) == {
      Version = "2012-10-17"
      Statement = [
        {
          Sid      = "InvokeByProfile"
          Effect   = "Allow"
          Action   = ["bedrock:InvokeModel", "bedrock:InvokeModelWithResponseStream"]
          Resource = ["arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.amazon.nova-2-lite-v1:0"]
        },
        {
          Sid    = "ModelsOnlyByTheseProfiles"
          Effect = "Allow"
          Action = ["bedrock:InvokeModel", "bedrock:InvokeModelWithResponseStream"]
          Resource = [
            "arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-2-lite-v1:0",
            "arn:aws:bedrock:us-east-2::foundation-model/amazon.nova-2-lite-v1:0",
            "arn:aws:bedrock:us-west-2::foundation-model/amazon.nova-2-lite-v1:0",
          ]
          Condition = {
            StringEquals = { "bedrock:InferenceProfileArn" = ["arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.amazon.nova-2-lite-v1:0"] }
          }
        },
        {
          Sid       = "NoDearTiers"
          Effect    = "Deny"
          Action    = ["bedrock:InvokeModel", "bedrock:InvokeModelWithResponseStream"]
          Resource  = ["*"]
          Condition = { StringEquals = { "bedrock:ServiceTier" = ["priority", "reserved"] } }
        },
      ]
    }
    error_message = "The policy is another one."
  }
}

run "nothing_is_allowed_by_a_wildcard" {
  command = plan

  variables {
    partition = "aws-us-gov"
    calls = [
      { model = "amazon.nova-pro-v1:0", profile = "us-gov", regions = ["us-gov-west-1"] },
      { model = "amazon.titan-embed-text-v2:0", regions = ["us-gov-west-1"] },
    ]
    may_count_tokens = true
    guardrail_arns   = ["arn:aws-us-gov:bedrock:us-gov-west-1:123456789012:guardrail/abc"]
  }

  assert {
    condition = alltrue(flatten([
      for statement in jsondecode(output.json).Statement : [
        for text in concat(statement.Action, statement.Effect == "Allow" ? statement.Resource : []) : !strcontains(text, "*")
      ]
    ]))
    error_message = "A wildcard allows something."
  }
  assert {
    condition     = alltrue([for arn in output.resources : startswith(arn, "arn:aws-us-gov:")])
    error_message = "An ARN is of another partition."
  }
  assert {
    condition     = [for statement in jsondecode(output.json).Statement : statement.Sid] == ["InvokeByProfile", "ModelsOnlyByTheseProfiles", "InvokeModels", "CountTokens", "ApplyGuardrails", "NoDearTiers"]
    error_message = "A statement is missing, or one too many."
  }
}

run "a_global_profile_has_a_model_without_a_region" {
  command = plan

  variables {
    calls = [{ model = "amazon.nova-2-lite-v1:0", profile = "global", regions = ["eu-west-1"] }]
  }

  assert {
    condition = jsondecode(output.json).Statement[1].Resource == [
      "arn:aws:bedrock:::foundation-model/amazon.nova-2-lite-v1:0",
      "arn:aws:bedrock:eu-west-1::foundation-model/amazon.nova-2-lite-v1:0",
    ]
    error_message = "The models behind the profile are others."
  }
}

run "an_unknown_geography_names_its_destinations" {
  command = plan

  variables {
    calls = [{ model = "amazon.nova-lite-v1:0", profile = "mars", regions = ["us-east-1"] }]
  }

  expect_failures = [var.calls]
}

run "a_model_with_its_geography_is_refused" {
  command = plan

  variables {
    calls      = [{ model = "Nova Lite", regions = ["us-east-1"] }]
    account_id = "1234"
  }

  expect_failures = [var.calls, var.account_id]
}
