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
  description = "The role of AWS that may call Bedrock, and that Vault may assume: platform/aws makes one without nodes."
}

variable "datacenter" {
  type        = string
  description = "The output datacenter of ../platform."
}

variable "bedrock_region" {
  type        = string
  description = "The region of Bedrock that is near."
  default     = "us-east-1"
}
