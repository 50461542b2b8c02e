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

variable "datacenter" {
  type        = string
  description = "The output datacenter of ../platform."
}

variable "region" {
  type        = string
  description = "The region of Bedrock."
  default     = "us-east-1"
}
