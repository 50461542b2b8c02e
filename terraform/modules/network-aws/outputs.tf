output "vpc_id" {
  description = "The VPC, made or there before."
  value       = local.vpc_id
}

output "subnet_ids" {
  description = "The private subnets, for nodes."
  value       = local.subnet_ids
}

output "bedrock_endpoint" {
  description = "The endpoint of bedrock-runtime by a name of its own, for bedrock.endpoints of the proxy's configuration where private names are off; null without one."
  value       = try("https://${aws_vpc_endpoint.this["bedrock-runtime"].dns_entry[0].dns_name}", null)
}
