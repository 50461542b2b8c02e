variable "datacenter" {
  type        = string
  description = "The datacenter of the node in Consul and Nomad: one for each cloud and zone lets jobs choose by it, such as aws-us-east-1a."

  validation {
    condition     = can(regex("^[a-z0-9-]{1,64}$", var.datacenter))
    error_message = "The datacenter is of 1 to 64 lower-case letters, digits and hyphens."
  }
}

variable "consul_datacenter" {
  type        = string
  description = "The datacenter in Consul, where it is another one than in Nomad: the nodes of several zones join one Consul."
  default     = null
}

variable "region" {
  type        = string
  description = "The region of Nomad."
  default     = "global"
  nullable    = false
}

variable "retry_join" {
  type        = list(string)
  description = "How the servers of Consul are found: addresses, or a cloud's own way, such as provider=aws tag_key=consul tag_value=server. Nomad finds its servers by Consul."

  validation {
    condition     = length(var.retry_join) > 0
    error_message = "There is at least one way in retry_join."
  }
}

variable "node_pool" {
  type        = string
  description = "The node pool of Nomad."
  default     = "default"
  nullable    = false
}

variable "meta" {
  type        = map(string)
  description = "What jobs may choose nodes by, beside cloud, such as egress = \"bedrock\"."
  default     = {}
  nullable    = false
}

variable "cloud" {
  type        = string
  description = "The cloud: aws, gcp, azure or on-prem. In the node's meta as cloud, and where its secrets come from."

  validation {
    condition     = contains(["aws", "gcp", "azure", "on-prem"], var.cloud)
    error_message = "The cloud is aws, gcp, azure or on-prem."
  }
}

variable "secret" {
  type        = string
  description = "Where the node's secrets are, in the cloud's own store, as a JSON document: the ARN of an AWS secret, projects/<project>/secrets/<name>/versions/latest, or https://<vault>.vault.azure.net/secrets/<name>. On premises the path of a file. docs/how-to/packer.md has its members."

  validation {
    condition = can(regex({
      aws     = "^arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:.+$"
      gcp     = "^projects/[^/]+/secrets/[^/]+/versions/[^/]+$"
      azure   = "^https://[^/]+/secrets/[^/]+$"
      on-prem = "^/.+$"
    }[var.cloud], var.secret))
    error_message = "The secret is named in the cloud's own way."
  }
}

variable "max_kill_timeout_seconds" {
  type        = number
  description = "How long a task may take to end: drain_seconds of the proxy and ten more. Nomad cuts it to 30 seconds otherwise, without a word."
  default     = 610
  nullable    = false

  validation {
    condition     = var.max_kill_timeout_seconds >= 30 && var.max_kill_timeout_seconds <= 7200
    error_message = "The max_kill_timeout_seconds are from 30 to 7200."
  }
}
