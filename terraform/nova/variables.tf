variable "names" {
  type        = string
  description = "What the names of policies, roles and keys begin with in all three servers."
  default     = "nova"
  nullable    = false

  validation {
    condition     = can(regex("^[0-9A-Za-z-]{1,100}$", var.names))
    error_message = "The names begin with 1 to 100 letters, digits and hyphens."
  }
}

variable "nomad_jwks_url" {
  type        = string
  description = "Where Nomad's public keys are, as the servers of Consul and Vault reach it: https://<a Nomad server>:4646/.well-known/jwks.json."

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
  description = "The namespace of both jobs; it is made where it is not default."
  default     = "default"
  nullable    = false
}

variable "create_namespace" {
  type        = bool
  description = "Whether the namespace is made here, where it is not default."
  default     = true
  nullable    = false
}

variable "has_nomad_acl" {
  type        = bool
  description = "Whether Nomad has ACLs."
  default     = true
  nullable    = false
}

variable "has_consul_acl" {
  type        = bool
  description = "Whether Consul has ACLs. Without them there are no policies there, and no logins."
  default     = true
  nullable    = false
}

variable "consul_prefix" {
  type        = string
  description = "The prefix of the keys in Consul that are this system's."
  default     = "nova/default"
  nullable    = false
}

variable "consul_auth_method_name" {
  type        = string
  description = "The auth method of Consul by which the tasks log in."
  default     = "nova-workloads"
  nullable    = false
}

variable "vault" {
  type = object({
    parts                     = optional(set(string))
    existing_mounts           = optional(set(string))
    aws_mount                 = optional(string)
    aws_role                  = optional(string)
    role_arns                 = optional(list(string))
    pki_mount                 = optional(string)
    pki_role                  = optional(string)
    domains                   = optional(list(string))
    kv_mount                  = optional(string)
    kv_path                   = optional(string)
    transit_mount             = optional(string)
    jwt_auth_path             = optional(string)
    allow_destruction_of_keys = optional(bool)
  })
  description = "What is made in Vault: see the inputs of modules/vault, whose defaults hold for what is not said. Null where there is no Vault, and instances have AWS credentials by an instance profile."
  default     = null
}

variable "rollout_policies" {
  type        = map(map(string))
  description = "By namespace and job, the policy by which the agent judges new versions of the job, in HCL."
  default     = {}
  nullable    = false
}
