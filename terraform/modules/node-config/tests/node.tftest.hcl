# No provider is needed: the configuration is a text.

variables {
  cloud      = "aws"
  datacenter = "aws-us-east-1"
  retry_join = ["provider=aws tag_key=consul tag_value=server"]
  secret     = "arn:aws:secretsmanager:us-east-1:123456789012:secret:nova/node-AbCdEf"
  meta       = { egress = "bedrock" }
}

run "cloud_init_writes_what_the_node_reads" {
  command = plan

  assert {
    condition     = startswith(output.user_data, "#cloud-config\n")
    error_message = "cloud-init would not know what it is."
  }
  assert {
    condition     = yamldecode(output.user_data).write_files[0].content == output.node_json && yamldecode(output.user_data).write_files[0].path == "/etc/nova-node/node.json"
    error_message = "The file is another one."
  }
  assert {
    condition     = jsondecode(output.node_json).meta == { egress = "bedrock", cloud = "aws" } && jsondecode(output.node_json).consul_datacenter == "aws-us-east-1"
    error_message = "The node would tell another cloud or datacenter."
  }
}

run "the_secret_is_of_the_clouds_own_store" {
  command = plan

  variables {
    cloud = "gcp"
  }

  expect_failures = [var.secret]
}
