variable "resource_group_name" {
  type        = string
  description = "The resource group."
}

variable "location" {
  type        = string
  description = "The location."
  default     = "eastus2"
}

variable "image_id" {
  type        = string
  description = "The image of the nodes, made by packer/."
}

variable "key_vault_id" {
  type        = string
  description = "The key vault with the nodes' secret."
}

variable "admin_ssh_public_key" {
  type        = string
  description = "The public key that Azure asks for."
}

variable "consul_servers" {
  type        = list(string)
  description = "The servers of Consul."
}

variable "trusted_cidr_blocks" {
  type        = list(string)
  description = "Where the servers are."
}
