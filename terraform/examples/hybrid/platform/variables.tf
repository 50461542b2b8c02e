variable "region" {
  type        = string
  description = "The region."
  default     = "us-east-1"
}

variable "image_id" {
  type        = string
  description = "The image of the nodes, made by packer/."
}

variable "node_secret_arn" {
  type        = string
  description = "The secret that nodes read at their start."
}

variable "vault_role_arn" {
  type        = string
  description = "The role of Vault's machines, which assumes the one that calls Bedrock."
}

variable "consul_servers" {
  type        = list(string)
  description = "How the servers of Consul are found."
  default     = ["provider=aws tag_key=consul tag_value=server"]
}

variable "vpc_id" {
  type        = string
  description = "The VPC that a line leads to from the own data center."
}

variable "subnet_ids" {
  type        = list(string)
  description = "Its private subnets."
}

variable "own_cidr_blocks" {
  type        = list(string)
  description = "The networks of the own data center."
}
