variable "names" {
  type        = string
  description = "What the names of policies begin with."
  default     = "nova"
  nullable    = false

  validation {
    condition     = can(regex("^[0-9A-Za-z-]{1,100}$", var.names))
    error_message = "The names begin with 1 to 100 letters, digits and hyphens."
  }
}

variable "namespace" {
  type        = string
  description = "The namespace that the jobs are in. Whoever may run jobs in it may run one that is called as the proxy's, and so gets the proxy's rights: where others have jobs too, give this system one of its own."
  default     = "default"
  nullable    = false

  validation {
    condition     = can(regex("^[0-9A-Za-z-]{1,128}$", var.namespace))
    error_message = "The namespace is of 1 to 128 letters, digits and hyphens."
  }
}

variable "create_namespace" {
  type        = bool
  description = "Whether the namespace is made here. It has to be there already otherwise; default always is."
  default     = true
  nullable    = false
}

variable "has_acl" {
  type        = bool
  description = "Whether Nomad has ACLs. Without them it takes no policies."
  default     = true
  nullable    = false
}

variable "proxy_job" {
  type        = string
  description = "The job of the proxy, in whose variable the API keys are."
  default     = "nova-proxy"
  nullable    = false

  validation {
    condition     = can(regex("^[0-9A-Za-z_-][0-9A-Za-z._-]{0,99}$", var.proxy_job))
    error_message = "The proxy_job is of 1 to 100 letters, digits, dots, hyphens and underscores, and begins with no dot."
  }
}

variable "agent_job" {
  type        = string
  description = "The job of the agent, whose task has the agent's policy by its identity."
  default     = "nova-agent"
  nullable    = false

  validation {
    condition     = can(regex("^[0-9A-Za-z_-][0-9A-Za-z._-]{0,99}$", var.agent_job))
    error_message = "The agent_job is of 1 to 100 letters, digits, dots, hyphens and underscores, and begins with no dot."
  }
}
