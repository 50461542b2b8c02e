variable "name" {
  type        = string
  description = "The name of the role, and what other names begin with."
  default     = "nova"
  nullable    = false

  validation {
    condition     = can(regex("^[0-9A-Za-z_-]{1,40}$", var.name))
    error_message = "The name is of 1 to 40 letters, digits, hyphens and underscores."
  }
}

variable "bedrock_policy_json" {
  type        = string
  description = "What the role may do: the output json of modules/bedrock-policy."

  validation {
    condition     = can(jsondecode(var.bedrock_policy_json).Statement)
    error_message = "The bedrock_policy_json is a policy document."
  }
}

variable "assumed_by" {
  type = list(object({
    role_arn    = string
    external_id = optional(string)
  }))
  description = "Who may assume the role: one role each, such as Vault's; from another account with an external id that it alone knows. Empty where the role is that of the machines."
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for one in var.assumed_by : can(regex("^arn:aws[a-z-]*:iam::[0-9]{12}:role/[^*]+$", one.role_arn))])
    error_message = "Each of assumed_by is the ARN of one role, without a wildcard."
  }
  validation {
    condition     = alltrue([for one in var.assumed_by : one.external_id == null || length(coalesce(one.external_id, "0123456789abcdef")) >= 16])
    error_message = "An external_id has 16 characters at least: somebody else shall not guess it."
  }
}

variable "account_id" {
  type        = string
  description = "The account that the role is in. Whoever is of another one needs an external id."

  validation {
    condition     = can(regex("^[0-9]{12}$", var.account_id))
    error_message = "The account_id has twelve digits."
  }
  validation {
    condition     = alltrue([for one in var.assumed_by : one.external_id != null || split(":", one.role_arn)[4] == var.account_id])
    error_message = "Who assumes the role from another account has an external_id, by which nobody is talked into assuming it for a third one."
  }
}

variable "is_instance_role" {
  type        = bool
  description = "Whether machines have the role by an instance profile: for instances of the proxy without Vault. All tasks of such a machine can use it."
  default     = false
  nullable    = false
}

variable "path" {
  type        = string
  description = "The path of roles and policies in IAM."
  default     = "/"
  nullable    = false
}

variable "permissions_boundary_arn" {
  type        = string
  description = "The policy that bounds what roles of yours may do. None where it is null."
  default     = null
}

variable "max_session_seconds" {
  type        = number
  description = "How long a session may last. Vault's role asks for an hour."
  default     = 3600
  nullable    = false

  validation {
    condition     = var.max_session_seconds >= 3600 && var.max_session_seconds <= 43200
    error_message = "The max_session_seconds are from 3600 to 43200."
  }
}

variable "tags" {
  type        = map(string)
  description = "Tags of everything that is made."
  default     = {}
  nullable    = false
}
