variable "name" {
  type        = string
  description = "What names begin with."
  default     = "nova"
  nullable    = false
}

variable "resource_group_name" {
  type        = string
  description = "The resource group."
}

variable "location" {
  type        = string
  description = "The location."
}

variable "cidr_block" {
  type        = string
  description = "The addresses of the network; the nodes are in its first half."
  default     = "10.66.0.0/20"
  nullable    = false

  validation {
    condition     = can(cidrsubnet(var.cidr_block, 1, 0))
    error_message = "The cidr_block is one of addresses, with two halves."
  }
}

variable "trusted_cidr_blocks" {
  type        = list(string)
  description = "From where connections to the nodes come beside the network itself: servers of Consul and Nomad, load balancers, applications."
  default     = []
  nullable    = false

  validation {
    condition     = length(setintersection(var.trusted_cidr_blocks, ["0.0.0.0/0", "*", "Internet"])) == 0
    error_message = "The trusted_cidr_blocks are networks that you know, and not everywhere."
  }
}

variable "trusted_ports" {
  type        = list(string)
  description = "The ports that trusted_cidr_blocks may reach: Consul's gossip and RPC, Nomad's RPC, and the ports for tasks."
  default     = ["8301", "8300", "4647", "20000-32000"]
  nullable    = false
}

variable "tags" {
  type        = map(string)
  description = "Tags of everything that is made."
  default     = {}
  nullable    = false
}
