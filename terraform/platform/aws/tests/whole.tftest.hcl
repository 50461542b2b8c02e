mock_provider "aws" {}

variables {
  region     = "us-east-1"
  account_id = "123456789012"
  network    = { availability_zones = ["us-east-1a", "us-east-1b"] }
  calls      = [{ model = "amazon.nova-lite-v1:0", profile = "us", regions = ["us-east-1"] }]
  nodes = {
    image_id   = "ami-0123456789abcdef0"
    retry_join = ["provider=aws tag_key=consul tag_value=server"]
    secret_arn = "arn:aws:secretsmanager:us-east-1:123456789012:secret:nova/node-AbCdEf"
  }
}

run "with_vault_the_nodes_cannot_call_bedrock" {
  command = plan

  variables {
    assumed_by = [{ role_arn = "arn:aws:iam::123456789012:role/vault" }]
  }

  assert {
    condition     = length(aws_iam_role_policy_attachment.nodes_call_bedrock) == 0
    error_message = "Every task of a node could call Bedrock."
  }
  assert {
    condition     = output.datacenter == "aws-us-east-1"
    error_message = "Jobs would look for the nodes somewhere else."
  }
}

run "without_vault_they_can" {
  command = plan

  assert {
    condition     = length(aws_iam_role_policy_attachment.nodes_call_bedrock) == 1
    error_message = "Nobody could call Bedrock."
  }
}

run "an_existing_cluster_gets_a_role_and_endpoints" {
  command = plan

  variables {
    nodes      = null
    network    = { vpc_id = "vpc-0123456789abcdef0", subnet_ids = ["subnet-0123456789abcdef0"] }
    assumed_by = [{ role_arn = "arn:aws:iam::123456789012:role/vault" }]
  }

  assert {
    condition     = length(module.clients) == 0 && output.datacenter == null
    error_message = "Nodes are made that nobody asked for."
  }
}
