mock_provider "aws" {}

variables {
  account_id          = "123456789012"
  bedrock_policy_json = "{\"Version\":\"2012-10-17\",\"Statement\":[]}"
}

run "vault_of_the_same_account_needs_no_external_id" {
  command = plan

  variables {
    assumed_by = [{ role_arn = "arn:aws:iam::123456789012:role/vault" }]
  }

  assert {
    condition = jsondecode(aws_iam_role.bedrock.assume_role_policy).Statement == [
      { Effect = "Allow", Principal = { AWS = "arn:aws:iam::123456789012:role/vault" }, Action = ["sts:AssumeRole"] },
    ]
    error_message = "Somebody else may assume the role."
  }
  assert {
    condition     = length(aws_iam_instance_profile.bedrock) == 0
    error_message = "Machines would have the role too."
  }
}

run "another_account_needs_one" {
  command = plan

  variables {
    assumed_by = [{ role_arn = "arn:aws:iam::210987654321:role/vault" }]
  }

  expect_failures = [var.account_id]
}

run "another_account_is_held_to_its_external_id" {
  command = plan

  variables {
    assumed_by = [{ role_arn = "arn:aws:iam::210987654321:role/vault", external_id = "c0ffee00c0ffee00" }]
  }

  assert {
    condition     = jsondecode(aws_iam_role.bedrock.assume_role_policy).Statement[0].Condition.StringEquals["sts:ExternalId"] == "c0ffee00c0ffee00"
    error_message = "The external id is not asked for."
  }
}

run "whole_accounts_and_short_ids_are_refused" {
  command = plan

  variables {
    assumed_by = [{ role_arn = "arn:aws:iam::123456789012:root" }, { role_arn = "arn:aws:iam::123456789012:role/vault", external_id = "short" }]
  }

  expect_failures = [var.assumed_by]
}

run "a_role_for_nobody_is_refused" {
  command = plan

  expect_failures = [aws_iam_role.bedrock]
}

run "machines_have_it_by_a_profile" {
  command = plan

  variables {
    is_instance_role         = true
    permissions_boundary_arn = "arn:aws:iam::123456789012:policy/bounds"
  }

  assert {
    condition     = length(aws_iam_instance_profile.bedrock) == 1 && aws_iam_role.bedrock.permissions_boundary == "arn:aws:iam::123456789012:policy/bounds"
    error_message = "There is no profile, or the role has no bounds."
  }
}
