variable "name" {
  type        = string
  description = "What names begin with."
  default     = "nova"
  nullable    = false
}

variable "project" {
  type        = string
  description = "The project."
}

variable "region" {
  type        = string
  description = "The region."
}

variable "cidr_block" {
  type        = string
  description = "The addresses of the subnet."
  default     = null
}

variable "trusted_cidr_blocks" {
  type        = list(string)
  description = "From where connections to the nodes come: servers of Consul and Nomad, load balancers, applications."
  default     = null
}

variable "has_nat" {
  type        = bool
  description = "Whether nodes get to Bedrock by Cloud NAT."
  default     = null
}

variable "nodes" {
  type = object({
    image                    = string
    retry_join               = list(string)
    secret_id                = string
    datacenter               = optional(string)
    consul_datacenter        = optional(string)
    nomad_region             = optional(string)
    meta                     = optional(map(string), {})
    max_kill_timeout_seconds = optional(number)
    machine_type             = optional(string)
    size                     = optional(number)
    kms_key                  = optional(string)
  })
  description = "The nodes: see the inputs of modules/node-config and modules/clients-gcp."
}
