variable "name" {
  type        = string
  description = "What names begin with."
  default     = "nova"
  nullable    = false
}

variable "vpc_id" {
  type        = string
  description = "The VPC that is there already. One is made where it is null."
  default     = null
}

variable "subnet_ids" {
  type        = list(string)
  description = "Private subnets of vpc_id, for endpoints and nodes."
  default     = []
  nullable    = false

  validation {
    condition     = (var.vpc_id == null) == (length(var.subnet_ids) == 0)
    error_message = "The subnet_ids belong to a vpc_id: give both or none."
  }
}

variable "cidr_block" {
  type        = string
  description = "The addresses of the VPC that is made, and those of a VPC that is there: from them the endpoints are reached."
  default     = "10.64.0.0/16"
  nullable    = false

  validation {
    condition     = can(cidrsubnet(var.cidr_block, 4, 15))
    error_message = "The cidr_block is one of IPv4 with room for 16 subnets."
  }
}

variable "availability_zones" {
  type        = list(string)
  description = "The zones of the subnets that are made."
  default     = []
  nullable    = false

  validation {
    condition     = var.vpc_id != null || length(var.availability_zones) >= 2 && length(var.availability_zones) <= 8
    error_message = "A VPC that is made has two to eight availability_zones."
  }
}

variable "region" {
  type        = string
  description = "The region, which the names of services have in them."

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "The region is one of AWS's."
  }
}

variable "endpoint_services" {
  type        = set(string)
  description = "The services that get an interface endpoint, so that nothing of it crosses the internet. Leave out those that the VPC has one of: two with private names cannot be."
  default     = ["bedrock-runtime", "sts", "secretsmanager"]
  nullable    = false

  validation {
    condition     = length(setsubtract(var.endpoint_services, ["bedrock-runtime", "bedrock", "sts", "secretsmanager", "logs", "kms", "ssm"])) == 0
    error_message = "The endpoint_services are of bedrock-runtime, bedrock, sts, secretsmanager, logs, kms and ssm."
  }
}

variable "account_id" {
  type        = string
  description = "The account whose roles may use the endpoints."

  validation {
    condition     = can(regex("^[0-9]{12}$", var.account_id))
    error_message = "The account_id has twelve digits."
  }
}

variable "has_nat" {
  type        = bool
  description = "Whether the VPC that is made has a way out to the internet, which the proxies do not need: for releases and packages from there."
  default     = false
  nullable    = false
}

variable "flow_log_retention_days" {
  type        = number
  description = "How long the log of the connections of the VPC that is made is kept. None is written where it is 0."
  default     = 365
  nullable    = false
}

variable "flow_log_kms_key_arn" {
  type        = string
  description = "The key that the log is encrypted with. AWS's own where it is null."
  default     = null
}

variable "permissions_boundary_arn" {
  type        = string
  description = "The policy that bounds what roles of yours may do, for the role that writes the log."
  default     = null
}

variable "tags" {
  type        = map(string)
  description = "Tags of everything that is made."
  default     = {}
  nullable    = false
}
