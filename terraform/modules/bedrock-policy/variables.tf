variable "partition" {
  type        = string
  description = "AWS's partition: aws, aws-us-gov or aws-cn."
  default     = "aws"
  nullable    = false

  validation {
    condition     = contains(["aws", "aws-us-gov", "aws-cn"], var.partition)
    error_message = "The partition is aws, aws-us-gov or aws-cn."
  }
}

variable "account_id" {
  type        = string
  description = "The account whose inference profiles are called."

  validation {
    condition     = can(regex("^[0-9]{12}$", var.account_id))
    error_message = "The account_id has twelve digits."
  }
}

variable "calls" {
  type = list(object({
    model        = string
    regions      = list(string)
    profile      = optional(string)
    destinations = optional(list(string))
  }))
  description = "What may be called: a model, the regions that it is called in, and the geography of its inference profile (us, eu, apac, …, global), or none for a model that is called by itself. The regions that a profile may route to are those of its geography, unless destinations name them."

  validation {
    condition     = length(var.calls) > 0 && alltrue([for call in var.calls : can(regex("^[a-z0-9-]+\\.[a-z0-9.:-]+$", call.model))])
    error_message = "There is at least one of the calls, and each model is an id such as amazon.nova-lite-v1:0, without a geography before it."
  }
  validation {
    condition     = alltrue(flatten([for call in var.calls : [length(call.regions) > 0, [for region in call.regions : can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", region))]]]))
    error_message = "Each of the calls has regions, and they are AWS's."
  }
  validation {
    condition     = alltrue([for call in var.calls : call.profile == null || call.destinations != null || contains(["us", "us-gov", "eu", "apac", "jp", "au", "ca", "global"], coalesce(call.profile, "global"))])
    error_message = "The regions that a profile routes to are known for us, us-gov, eu, apac, jp, au, ca and global: name the destinations of another."
  }
}

variable "may_count_tokens" {
  type        = bool
  description = "Whether tokens may be counted, for /v1/explain."
  default     = false
  nullable    = false
}

variable "guardrail_arns" {
  type        = list(string)
  description = "Guardrails that may be applied, with their profiles."
  default     = []
  nullable    = false
}

variable "denied_service_tiers" {
  type        = list(string)
  description = "Service tiers that are refused whatever else is allowed, since they cost more than the default one."
  default     = ["priority", "reserved"]
  nullable    = false
}
