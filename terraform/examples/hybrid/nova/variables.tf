variable "nomad_jwks_url" {
  type        = string
  description = "Where Nomad's public keys are, as the servers of Consul and Vault reach it."
}

variable "nova_version" {
  type        = string
  description = "The version that runs. Another one is rolled out by canaries, which the agent judges."
}

variable "artifact" {
  type        = string
  description = "Where the release of that version is: its URL, with the checksum."
}

variable "vault_address" {
  type        = string
  description = "Where Vault listens, as the proxies reach it."
}

variable "bedrock_role_arn" {
  type        = string
  description = "The output bedrock_role_arn of ../platform."
}

variable "own_datacenter" {
  type        = string
  description = "The datacenter of the nodes in the own data center."
  default     = "dc1"
}

variable "cloud_datacenter" {
  type        = string
  description = "The output datacenter of ../platform."
}

variable "percent_in_cloud" {
  type        = number
  description = "How many of a hundred instances are in the cloud."
  default     = 70

  validation {
    condition     = var.percent_in_cloud >= 0 && var.percent_in_cloud <= 100
    error_message = "The percent_in_cloud are from 0 to 100."
  }
}
