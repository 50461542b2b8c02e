variable "regions" {
  type = object({
    us = object({ nomad_address = string, consul_address = string, jwks_url = string })
    eu = object({ nomad_address = string, consul_address = string, jwks_url = string })
  })
  description = "Where the servers of each region are."
}

variable "nova_versions" {
  type        = object({ us = string, eu = string })
  description = "The version of each region: a new one goes to one region first."
}

variable "artifacts" {
  type        = object({ us = string, eu = string })
  description = "Where the release of that version is: its URL, with the checksum."
}

variable "vault_address" {
  type        = string
  description = "Where Vault listens; it serves both regions."
}

variable "bedrock_role_arns" {
  type        = object({ us = string, eu = string })
  description = "The role of each region that may call Bedrock: with platform/aws, each of its own geography alone."
}
