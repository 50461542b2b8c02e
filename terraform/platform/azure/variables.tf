variable "name" {
  type        = string
  description = "What names begin with."
  default     = "nova"
  nullable    = false
}

variable "resource_group_name" {
  type        = string
  description = "The resource group, which is there already."
}

variable "location" {
  type        = string
  description = "The location."
}

variable "cidr_block" {
  type        = string
  description = "The addresses of the network."
  default     = null
}

variable "trusted_cidr_blocks" {
  type        = list(string)
  description = "From where connections to the nodes come: servers of Consul and Nomad, load balancers, applications."
  default     = null
}

variable "nodes" {
  type = object({
    image_id                 = string
    retry_join               = list(string)
    key_vault_id             = string
    secret_name              = string
    admin_ssh_public_key     = string
    datacenter               = optional(string)
    consul_datacenter        = optional(string)
    nomad_region             = optional(string)
    meta                     = optional(map(string), {})
    max_kill_timeout_seconds = optional(number)
    vm_size                  = optional(string)
    size                     = optional(number)
    zones                    = optional(list(string))
  })
  description = "The nodes: see the inputs of modules/node-config and modules/clients-azure."
}

variable "tags" {
  type        = map(string)
  description = "Tags of everything that is made."
  default     = {}
  nullable    = false
}
