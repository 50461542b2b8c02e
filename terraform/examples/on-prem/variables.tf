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
  description = "The role of AWS that may call Bedrock, and that Vault may assume."
}

variable "consul_address" {
  type        = string
  description = "Where the local agent of Consul listens on each node."
  default     = "http://127.0.0.1:8500"
}

variable "bedrock_endpoint" {
  type        = string
  description = "Where Bedrock is called, where it is not AWS's own name: a PrivateLink name, a proxy, or a simulator. AWS's own where it is empty."
  default     = ""
}

variable "driver" {
  type        = string
  description = "The task driver: exec, or raw_exec for trials."
  default     = "exec"
}

variable "user" {
  type        = string
  description = "The user that the programs run as."
  default     = "nobody"
}

variable "uid" {
  type        = number
  description = "The number of that user."
  default     = 65534
}

variable "instances" {
  type        = number
  description = "How many instances of the proxy run."
  default     = 3
}

variable "memory" {
  type        = number
  description = "The memory of an instance, in MiB."
  default     = 1024
}

variable "existing_vault_mounts" {
  type        = set(string)
  description = "Engines that Vault has already: of aws, pki, kv and transit."
  default     = ["aws", "pki"]
}

variable "bake_time" {
  type        = string
  description = "How long a canary is judged before it is promoted, and again after that."
  default     = "10m"
}

variable "is_trial" {
  type        = bool
  description = "Whether a destroy may take keys and jobs with it for good."
  default     = false
}

variable "agent_version" {
  type        = string
  description = "The version of the agent: a new one goes before the proxies' new one, or after it, and not with it. That of the proxies where it is null."
  default     = null
}

variable "agent_artifact" {
  type        = string
  description = "Where the release of the agent's version is. That of the proxies where it is null."
  default     = null
}
