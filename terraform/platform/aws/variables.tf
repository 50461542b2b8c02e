variable "name" {
  type        = string
  description = "What names begin with."
  default     = "nova"
  nullable    = false
}

variable "region" {
  type        = string
  description = "The region of the nodes, and of Bedrock."
}

variable "account_id" {
  type        = string
  description = "The account."
}

variable "partition" {
  type        = string
  description = "AWS's partition."
  default     = "aws"
  nullable    = false
}

variable "network" {
  type = object({
    vpc_id                  = optional(string)
    subnet_ids              = optional(list(string))
    cidr_block              = optional(string)
    availability_zones      = optional(list(string))
    endpoint_services       = optional(set(string))
    has_nat                 = optional(bool)
    flow_log_retention_days = optional(number)
    flow_log_kms_key_arn    = optional(string)
  })
  description = "The network: see the inputs of modules/network-aws."
}

variable "calls" {
  type = list(object({
    model        = string
    regions      = list(string)
    profile      = optional(string)
    destinations = optional(list(string))
  }))
  description = "What may be called of Bedrock: see modules/bedrock-policy."
}

variable "assumed_by" {
  type = list(object({
    role_arn    = string
    external_id = optional(string)
  }))
  description = "Who may assume the role that calls Bedrock: the role of Vault. Empty without Vault: then the nodes have the role."
  default     = []
  nullable    = false
}

variable "permissions_boundary_arn" {
  type        = string
  description = "The policy that bounds what roles of yours may do."
  default     = null
}

variable "nodes" {
  type = object({
    image_id                 = string
    retry_join               = list(string)
    secret_arn               = string
    datacenter               = optional(string)
    consul_datacenter        = optional(string)
    nomad_region             = optional(string)
    meta                     = optional(map(string), {})
    max_kill_timeout_seconds = optional(number)
    instance_type            = optional(string)
    size                     = optional(object({ min = number, max = number, desired = number }))
    kms_key_arn              = optional(string)
    egress_cidr_blocks       = optional(list(string))
    ingress                  = optional(map(object({ from_port = number, to_port = number, cidr_blocks = list(string) })))
  })
  description = "The nodes: see the inputs of modules/node-config and modules/clients-aws. Null where nodes are there already."
  default     = null
}

variable "tags" {
  type        = map(string)
  description = "Tags of everything that is made."
  default     = {}
  nullable    = false
}
