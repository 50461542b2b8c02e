mock_provider "aws" {}

variables {
  image_id   = "ami-0123456789abcdef0"
  vpc_id     = "vpc-0123456789abcdef0"
  subnet_ids = ["subnet-0123456789abcdef0"]
  user_data  = "#cloud-config\n{}\n"
  secret_arn = "arn:aws:secretsmanager:us-east-1:123456789012:secret:nova/node-AbCdEf"
}

run "metadata_is_of_version_2_and_ends_at_the_machine" {
  command = plan

  assert {
    condition     = one(aws_launch_template.node.metadata_options).http_tokens == "required" && one(aws_launch_template.node.metadata_options).http_put_response_hop_limit == 1
    error_message = "A task could take the machine's credentials."
  }
  assert {
    condition     = alltrue([for device in aws_launch_template.node.block_device_mappings : alltrue([for disk in device.ebs : tobool(disk.encrypted)])])
    error_message = "A disk is not encrypted."
  }
  assert {
    condition     = one(aws_launch_template.node.network_interfaces).associate_public_ip_address == "false"
    error_message = "A node faces the internet."
  }
  assert {
    condition     = jsondecode(aws_iam_role_policy.node[0].policy).Statement[0].Resource == ["arn:aws:secretsmanager:us-east-1:123456789012:secret:nova/node-AbCdEf"]
    error_message = "A node may read other secrets."
  }
}

run "an_open_door_is_refused" {
  command = plan

  variables {
    ingress = { everybody = { from_port = 443, to_port = 443, cidr_blocks = ["0.0.0.0/0"] } }
    nodes   = { min = 2, max = 1, desired = 2 }
  }

  expect_failures = [var.ingress, var.nodes]
}
