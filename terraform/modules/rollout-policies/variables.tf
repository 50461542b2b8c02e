variable "prefix" {
  type        = string
  description = "The prefix of the keys that are this system's."
  default     = "nova/default"
  nullable    = false

  validation {
    condition     = can(regex("^[0-9A-Za-z_-][0-9A-Za-z._-]*(/[0-9A-Za-z_-][0-9A-Za-z._-]*)*$", var.prefix))
    error_message = "The prefix is of names between slashes, and neither begins nor ends with one."
  }
}

variable "policies" {
  type        = map(map(string))
  description = "By namespace and job of Nomad, the policy by which the agent judges new versions of the job, in HCL: docs/reference/rollout-policy.md."

  validation {
    condition     = alltrue(flatten([for policies in var.policies : [for text in policies : trimspace(text) != ""]]))
    error_message = "Each of the policies says something: a job that is judged by the defaults has no policy, or a comment as one."
  }
}
