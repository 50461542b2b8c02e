variable "project" {
  type        = string
  description = "The project."
}

variable "region" {
  type        = string
  description = "The region."
  default     = "us-east4"
}

variable "image" {
  type        = string
  description = "The image of the nodes, made by packer/."
}

variable "node_secret_id" {
  type        = string
  description = "The secret that nodes read at their start."
}

variable "consul_servers" {
  type        = list(string)
  description = "The servers of Consul."
}

variable "trusted_cidr_blocks" {
  type        = list(string)
  description = "Where the servers are."
}
