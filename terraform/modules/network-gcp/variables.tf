variable "name" {
  type        = string
  description = "What names begin with."
  default     = "nova"
  nullable    = false
}

variable "region" {
  type        = string
  description = "The region of the subnet."
}

variable "cidr_block" {
  type        = string
  description = "The addresses of the subnet."
  default     = "10.65.0.0/20"
  nullable    = false

  validation {
    condition     = can(cidrhost(var.cidr_block, 1))
    error_message = "The cidr_block is one of addresses."
  }
}

variable "trusted_cidr_blocks" {
  type        = list(string)
  description = "From where connections to the nodes come beside the subnet itself: servers of Consul and Nomad, load balancers, applications."
  default     = []
  nullable    = false

  validation {
    condition     = !contains(var.trusted_cidr_blocks, "0.0.0.0/0")
    error_message = "The trusted_cidr_blocks are networks that you know, and not everywhere."
  }
}

variable "trusted_ports" {
  type        = list(string)
  description = "The ports that trusted_cidr_blocks may reach: Consul's gossip and RPC, Nomad's RPC, and the ports for tasks."
  default     = ["8301", "8300", "4647", "20000-32000"]
  nullable    = false
}

variable "has_nat" {
  type        = bool
  description = "Whether nodes get to the internet by Cloud NAT: for Bedrock, where no private line leads to AWS."
  default     = true
  nullable    = false
}
