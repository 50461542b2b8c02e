variable "names" {
  type        = string
  description = "What the names of policies, roles and keys begin with."
  default     = "nova"
  nullable    = false

  validation {
    condition     = can(regex("^[0-9A-Za-z_-][0-9A-Za-z._-]{0,99}$", var.names))
    error_message = "The names is of 1 to 100 letters, digits, dots, hyphens and underscores, and begins with no dot."
  }
}

variable "parts" {
  type        = set(string)
  description = "The engines that the proxy and the agent use: aws for credentials, pki for certificates, kv for secrets, transit for seals and signatures."
  default     = ["aws", "pki", "kv", "transit"]
  nullable    = false

  validation {
    condition     = length(setsubtract(var.parts, ["aws", "pki", "kv", "transit"])) == 0
    error_message = "The parts are of aws, pki, kv and transit."
  }
}

variable "existing_mounts" {
  type        = set(string)
  description = "Those of the parts, or jwt for the auth method, that are mounted already and are left to whoever mounted them. Their roles, keys and policies are made all the same."
  default     = []
  nullable    = false

  validation {
    condition     = length(setsubtract(var.existing_mounts, ["aws", "pki", "kv", "transit", "jwt"])) == 0
    error_message = "The existing_mounts are of aws, pki, kv, transit and jwt."
  }
}

variable "aws_mount" {
  type        = string
  description = "Where the AWS engine is."
  default     = "aws"
  nullable    = false

  validation {
    condition     = can(regex("^[0-9A-Za-z_-][0-9A-Za-z._-]*(/[0-9A-Za-z_-][0-9A-Za-z._-]*)*$", var.aws_mount))
    error_message = "The aws_mount is of names between slashes, and neither begins nor ends with one."
  }
}

variable "aws_role" {
  type        = string
  description = "The role of the AWS engine that the credentials for Bedrock are of."
  default     = "nova-bedrock"
  nullable    = false

  validation {
    condition     = can(regex("^[0-9A-Za-z_-][0-9A-Za-z._-]{0,99}$", var.aws_role))
    error_message = "The aws_role is of 1 to 100 letters, digits, dots, hyphens and underscores, and begins with no dot."
  }
}

variable "role_arns" {
  type        = list(string)
  description = "The roles of AWS that may call Bedrock, and that Vault assumes. Needed with the part aws."
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for arn in var.role_arns : can(regex("^arn:aws[a-z-]*:iam::[0-9]{12}:role/.+$", arn))]) && (!contains(var.parts, "aws") || length(var.role_arns) > 0)
    error_message = "The role_arns are ARNs of IAM roles, and at least one where the parts have aws."
  }
}

variable "pki_mount" {
  type        = string
  description = "Where the PKI engine is."
  default     = "pki"
  nullable    = false

  validation {
    condition     = can(regex("^[0-9A-Za-z_-][0-9A-Za-z._-]*(/[0-9A-Za-z_-][0-9A-Za-z._-]*)*$", var.pki_mount))
    error_message = "The pki_mount is of names between slashes, and neither begins nor ends with one."
  }
}

variable "pki_role" {
  type        = string
  description = "The role of the PKI engine that the certificates are of."
  default     = "nova-proxy"
  nullable    = false

  validation {
    condition     = can(regex("^[0-9A-Za-z_-][0-9A-Za-z._-]{0,99}$", var.pki_role))
    error_message = "The pki_role is of 1 to 100 letters, digits, dots, hyphens and underscores, and begins with no dot."
  }
}

variable "domains" {
  type        = list(string)
  description = "The names that certificates may have."
  default     = ["nova-proxy.service.consul"]
  nullable    = false

  validation {
    condition     = length(var.domains) > 0
    error_message = "There is at least one of the domains."
  }
}

variable "kv_mount" {
  type        = string
  description = "Where the secrets engine kv, version 2, is."
  default     = "kv"
  nullable    = false

  validation {
    condition     = can(regex("^[0-9A-Za-z_-][0-9A-Za-z._-]*(/[0-9A-Za-z_-][0-9A-Za-z._-]*)*$", var.kv_mount))
    error_message = "The kv_mount is of names between slashes, and neither begins nor ends with one."
  }
}

variable "kv_path" {
  type        = string
  description = "Below which path the secrets are."
  default     = "nova"
  nullable    = false

  validation {
    condition     = can(regex("^[0-9A-Za-z_-][0-9A-Za-z._-]*(/[0-9A-Za-z_-][0-9A-Za-z._-]*)*$", var.kv_path))
    error_message = "The kv_path is of names between slashes, and neither begins nor ends with one."
  }
}

variable "transit_mount" {
  type        = string
  description = "Where the transit engine is."
  default     = "transit"
  nullable    = false

  validation {
    condition     = can(regex("^[0-9A-Za-z_-][0-9A-Za-z._-]*(/[0-9A-Za-z_-][0-9A-Za-z._-]*)*$", var.transit_mount))
    error_message = "The transit_mount is of names between slashes, and neither begins nor ends with one."
  }
}

variable "jwt_auth_path" {
  type        = string
  description = "Where the auth method for the tasks of Nomad is, called as by HashiCorp's own module."
  default     = "jwt-nomad"
  nullable    = false

  validation {
    condition     = can(regex("^[0-9A-Za-z_-][0-9A-Za-z._-]*(/[0-9A-Za-z_-][0-9A-Za-z._-]*)*$", var.jwt_auth_path))
    error_message = "The jwt_auth_path is of names between slashes, and neither begins nor ends with one."
  }
}

variable "nomad_jwks_url" {
  type        = string
  description = "Where Nomad's public keys are, as Vault reaches it: https://<a Nomad server>:4646/.well-known/jwks.json."
  nullable    = false

  validation {
    condition     = can(regex("^https?://[^/]+/.+$", var.nomad_jwks_url))
    error_message = "The nomad_jwks_url is a URL with a path, such as https://nomad.example.com:4646/.well-known/jwks.json."
  }
}

variable "nomad_jwks_ca_pem" {
  type        = string
  description = "Certificates of the authorities that the certificate at nomad_jwks_url may come from, PEM. Whom Vault's machine trusts where it is null."
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

variable "allow_destruction_of_keys" {
  type        = bool
  description = "Whether a destroy takes the keys of the transit engine with it. What they have sealed and signed is then lost: for trials alone."
  default     = false
  nullable    = false
}
