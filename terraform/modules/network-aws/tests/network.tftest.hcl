mock_provider "aws" {}

variables {
  account_id = "123456789012"
  region     = "us-east-1"
}

run "a_vpc_is_made_without_a_way_out" {
  command = plan

  variables {
    availability_zones = ["us-east-1a", "us-east-1b", "us-east-1c"]
  }

  assert {
    condition     = length(aws_vpc.this) == 1 && length(aws_subnet.private) == 3 && length(aws_nat_gateway.this) == 0 && length(aws_internet_gateway.this) == 0
    error_message = "There is another network than asked for."
  }
  assert {
    condition     = [for zone in ["us-east-1a", "us-east-1b", "us-east-1c"] : aws_subnet.private[zone].cidr_block] == ["10.64.0.0/20", "10.64.16.0/20", "10.64.32.0/20"]
    error_message = "The subnets have other addresses: a zone that is added would move them."
  }
  assert {
    condition     = toset(keys(aws_vpc_endpoint.this)) == toset(["bedrock-runtime", "sts", "secretsmanager"])
    error_message = "There are other endpoints."
  }
  assert {
    condition = alltrue([
      for endpoint in aws_vpc_endpoint.this : jsondecode(endpoint.policy).Statement[0].Condition.StringEquals["aws:PrincipalAccount"] == "123456789012"
    ])
    error_message = "Roles of other accounts may use an endpoint."
  }
  assert {
    condition     = length(aws_flow_log.this) == 1
    error_message = "Nobody could tell which connections there were."
  }
}

run "of_a_vpc_that_is_there_only_endpoints_are_made" {
  command = plan

  variables {
    vpc_id            = "vpc-0123456789abcdef0"
    subnet_ids        = ["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"]
    endpoint_services = ["bedrock-runtime"]
    has_nat           = true
  }

  assert {
    condition     = length(aws_vpc.this) + length(aws_subnet.private) + length(aws_subnet.public) + length(aws_flow_log.this) + length(aws_default_security_group.this) == 0
    error_message = "Something of a network is made that has it."
  }
  assert {
    condition     = keys(aws_vpc_endpoint.this) == ["bedrock-runtime"] && aws_vpc_endpoint.this["bedrock-runtime"].vpc_id == "vpc-0123456789abcdef0"
    error_message = "The endpoint is another one, or somewhere else."
  }
}

run "a_way_out_is_one_in_each_zone" {
  command = plan

  variables {
    availability_zones = ["us-east-1a", "us-east-1b"]
    has_nat            = true
  }

  assert {
    condition     = length(aws_nat_gateway.this) == 2 && length(aws_route.private) == 2
    error_message = "A zone has no gateway of its own."
  }
}

run "halves_are_refused" {
  command = plan

  variables {
    vpc_id             = "vpc-0123456789abcdef0"
    availability_zones = ["us-east-1a"]
    endpoint_services  = ["s3"]
  }

  expect_failures = [var.subnet_ids, var.endpoint_services]
}
