variable "name" {
  type        = string
  description = "What names begin with."
  default     = "nova"
  nullable    = false
}

variable "image_id" {
  type        = string
  description = "The image: one that packer/ has made, by its id, so that no later one is taken unasked."

  validation {
    condition     = can(regex("^ami-[0-9a-f]{8,17}$", var.image_id))
    error_message = "The image_id is that of an AMI."
  }
}

variable "instance_type" {
  type        = string
  description = "The kind of machine, of x86_64."
  default     = "m7i.large"
  nullable    = false
}

variable "vpc_id" {
  type        = string
  description = "The VPC."
}

variable "subnet_ids" {
  type        = list(string)
  description = "The private subnets that nodes are in."

  validation {
    condition     = length(var.subnet_ids) > 0
    error_message = "There is at least one of the subnet_ids."
  }
}

variable "nodes" {
  type        = object({ min = number, max = number, desired = number })
  description = "How many nodes there are. A canary of the proxy needs room beside all its instances."
  default     = { min = 3, max = 6, desired = 3 }
  nullable    = false

  validation {
    condition     = var.nodes.min <= var.nodes.desired && var.nodes.desired <= var.nodes.max && var.nodes.min >= 1
    error_message = "The nodes are at least min, which is 1 or more, and at most max."
  }
}

variable "user_data" {
  type        = string
  description = "The output user_data of modules/node-config."
}

variable "instance_profile_name" {
  type        = string
  description = "The instance profile of the nodes, which may read their secret: that of role_name below where it is null."
  default     = null
}

variable "secret_arn" {
  type        = string
  description = "The secret that the nodes read at their start."

  validation {
    condition     = can(regex("^arn:aws[a-z-]*:secretsmanager:", var.secret_arn))
    error_message = "The secret_arn is of AWS Secrets Manager."
  }
}

variable "permissions_boundary_arn" {
  type        = string
  description = "The policy that bounds what roles of yours may do."
  default     = null
}

variable "ingress" {
  type        = map(object({ from_port = number, to_port = number, cidr_blocks = list(string) }))
  description = "Who may open connections to the nodes: load balancers and applications on Nomad's ports for tasks, the other nodes and servers on those of Consul and Nomad."
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue(flatten([for rule in var.ingress : [for block in rule.cidr_blocks : block != "0.0.0.0/0"]]))
    error_message = "The ingress is from networks that you know, and not from everywhere."
  }
}

variable "egress_cidr_blocks" {
  type        = list(string)
  description = "Where the nodes may open connections to. The whole world needs to be said."
  default     = ["10.0.0.0/8"]
  nullable    = false
}

variable "kms_key_arn" {
  type        = string
  description = "The key that disks are encrypted with. AWS's own where it is null."
  default     = null
}

variable "tags" {
  type        = map(string)
  description = "Tags of everything that is made, and of the machines."
  default     = {}
  nullable    = false
}
