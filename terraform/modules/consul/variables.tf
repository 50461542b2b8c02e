variable "names" {
  type        = string
  description = "What the names of policies and roles begin with."
  default     = "nova"
  nullable    = false

  validation {
    condition     = can(regex("^[0-9A-Za-z_-][0-9A-Za-z._-]{0,99}$", var.names))
    error_message = "The names begin with 1 to 100 letters, digits, dots, hyphens and underscores, and with no dot."
  }
}

variable "prefix" {
  type        = string
  description = "The prefix of the keys that are this system's: its configuration, access rules, keys, rollouts."
  default     = "nova/default"
  nullable    = false

  validation {
    condition     = can(regex("^[0-9A-Za-z_-][0-9A-Za-z._-]*(/[0-9A-Za-z_-][0-9A-Za-z._-]*)*$", var.prefix))
    error_message = "The prefix is of names between slashes, and neither begins nor ends with one."
  }
}

variable "service" {
  type        = string
  description = "The service of the instances in the catalog."
  default     = "nova-proxy"
  nullable    = false

  validation {
    condition     = can(regex("^[0-9A-Za-z_-][0-9A-Za-z._-]{0,99}$", var.service))
    error_message = "The service is of 1 to 100 letters, digits, dots, hyphens and underscores, and begins with no dot."
  }
}

variable "auth_method_name" {
  type        = string
  description = "The auth method by which tasks of Nomad log in. Not the one of HashiCorp's own module, nomad-workloads: tokens of that one have no end."
  default     = "nova-workloads"
  nullable    = false

  validation {
    condition     = can(regex("^[0-9A-Za-z-]{1,128}$", var.auth_method_name))
    error_message = "The auth_method_name is of 1 to 128 letters, digits and hyphens."
  }
}

variable "nomad_jwks_url" {
  type        = string
  description = "Where Nomad's public keys are, as Consul's servers reach it: https://<a Nomad server>:4646/.well-known/jwks.json."

  validation {
    condition     = can(regex("^https?://[^/]+/.+$", var.nomad_jwks_url))
    error_message = "The nomad_jwks_url is a URL with a path, such as https://nomad.example.com:4646/.well-known/jwks.json."
  }
}

variable "nomad_jwks_ca_pem" {
  type        = string
  description = "Certificates of the authorities that the certificate at nomad_jwks_url may come from, PEM. Whom the servers' machines trust where it is null."
  default     = null
}

variable "nomad_namespace" {
  type        = string
  description = "The namespace of Nomad that the jobs are in."
  default     = "default"
  nullable    = false

  validation {
    condition     = can(regex("^[0-9A-Za-z-]{1,128}$", var.nomad_namespace))
    error_message = "The nomad_namespace is of 1 to 128 letters, digits and hyphens."
  }
}

variable "proxy_job" {
  type        = string
  description = "The job of the proxy."
  default     = "nova-proxy"
  nullable    = false

  validation {
    condition     = can(regex("^[0-9A-Za-z_-][0-9A-Za-z._-]{0,99}$", var.proxy_job))
    error_message = "The proxy_job is of 1 to 100 letters, digits, dots, hyphens and underscores, and begins with no dot."
  }
}

variable "agent_job" {
  type        = string
  description = "The job of the agent."
  default     = "nova-agent"
  nullable    = false

  validation {
    condition     = can(regex("^[0-9A-Za-z_-][0-9A-Za-z._-]{0,99}$", var.agent_job))
    error_message = "The agent_job is of 1 to 100 letters, digits, dots, hyphens and underscores, and begins with no dot."
  }
}
