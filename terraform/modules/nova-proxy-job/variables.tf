# Made from jobs/nova-proxy.nomad.hcl by tests/terraform/generate: change it there.

variable "nova_version" {
  type        = string
  description = "The version that runs: in the catalog, as the service's Meta version, and in the job's meta."
  nullable    = false

  validation {
    condition     = var.nova_version != "" && replace(var.nova_version, "/^[0-9]+\\.[0-9]+\\.[0-9]+([-+][0-9A-Za-z.+-]+)?$/", "") == ""
    error_message = "The version is a semantic version, such as 0.1.0 or 0.2.0-rc.1."
  }
}

variable "artifact" {
  type        = string
  description = "Where the program is: the URL of nova-<version>-linux-amd64.tar.gz with its checksum as query, or, for trials, the path of nova-proxy on each host."
  nullable    = false

  validation {
    condition     = var.artifact != "" && replace(var.artifact, "/^(/.+|(https?|s3|gcs)://[^ ]+[?&]checksum=sha256:[0-9a-f]{64})$/", "") == ""
    error_message = "The artifact is a URL that ends in ?checksum=sha256:<64 hexadecimal digits>, or an absolute path on the host."
  }
}

variable "archive_path" {
  type        = string
  description = "Where nova-proxy is in the archive, where it is not bin/nova-proxy below a folder of the archive's name."
  default     = ""
  nullable    = false

  validation {
    condition     = replace(var.archive_path, "/^[0-9A-Za-z_-][0-9A-Za-z._/-]*$/", "") == ""
    error_message = "The archive_path is relative, and of letters, digits, dots, hyphens, underscores and slashes."
  }
}

variable "driver" {
  type        = string
  description = "The task driver: exec, or raw_exec for trials, which isolates nothing."
  default     = "exec"
  nullable    = false

  validation {
    condition     = contains(["exec", "raw_exec"], var.driver)
    error_message = "The driver is \"exec\", or \"raw_exec\" for trials."
  }
}

variable "user" {
  type        = string
  description = "The user that the program runs as. It needs no rights of its own."
  default     = "nobody"
  nullable    = false

  validation {
    condition     = var.user != ""
    error_message = "The user has a name: without one raw_exec would run the program as Nomad's own, which is root."
  }
}

variable "uid" {
  type        = number
  description = "The number of that user, to whom the files with keys belong."
  default     = 65534
  nullable    = false

  validation {
    condition     = var.uid >= 0 && floor(var.uid) == var.uid
    error_message = "The uid is the number of the user."
  }
}

variable "config" {
  type        = string
  description = "The proxy's configuration: bedrock, auth, limits, models. Not listen, metrics, data_dir, server, consul and vault, which the job writes. It is a template of Nomad's too."
  default     = ""
  nullable    = false

  validation {
    condition     = replace(var.config, "/(?m)^(listen|metrics|data_dir|server|consul|vault)[ {=]/", "") == var.config
    error_message = "The config says nothing of listen, metrics, data_dir, server, consul and vault: the job writes them, from variables of their own."
  }
}

variable "env" {
  type        = map(string)
  description = "Environment variables of the program. What is secret does not belong here: whoever may read the job reads it."
  default     = {}
  nullable    = false
}

variable "keys" {
  type        = string
  description = "Where the API keys come from: \"nomad\" for the items keys and pepper of the Nomad variable nomad/jobs/nova-proxy, \"config\" where the config says it."
  default     = "nomad"
  nullable    = false

  validation {
    condition     = contains(["nomad", "config"], var.keys)
    error_message = "The keys come from \"nomad\" or \"config\"."
  }
}

variable "server_lines" {
  type        = string
  description = "Further lines of the block server, such as trusted_proxies."
  default     = ""
  nullable    = false
}

variable "ring" {
  type        = string
  description = "The rollout ring, a label on every metric and in the catalog."
  default     = "stable"
  nullable    = false

  validation {
    condition     = var.ring != "" && replace(var.ring, "/^[a-z0-9-]+$/", "") == ""
    error_message = "The ring is of lower-case letters, digits and hyphens."
  }
}

variable "bedrock_region" {
  type        = string
  description = "The AWS region that is called first, and where the config says none. It is in the catalog too."
  default     = "us-east-1"
  nullable    = false

  validation {
    condition     = var.bedrock_region != "" && replace(var.bedrock_region, "/^[a-z]{2}(-[a-z]+)+-[0-9]$/", "") == ""
    error_message = "The bedrock_region is one of AWS's, such as us-east-1."
  }
}

variable "region" {
  type        = string
  description = "The region of Nomad."
  default     = "global"
  nullable    = false
}

variable "namespace" {
  type        = string
  description = "The namespace of Nomad. The roles in Consul and Vault are bound to it."
  default     = "default"
  nullable    = false
}

variable "datacenters" {
  type        = list(string)
  description = "The datacenters that instances may be in; with one for each cloud and zone this is the choice of clouds."
  default     = ["*"]
  nullable    = false

  validation {
    condition     = length(var.datacenters) > 0
    error_message = "There is at least one datacenter, or \"*\" for all."
  }
}

variable "node_pool" {
  type        = string
  description = "The node pool that instances are in."
  default     = "default"
  nullable    = false
}

variable "spread_attribute" {
  type        = string
  description = "What instances are spread over evenly, such as node.datacenter or meta.cloud."
  default     = "node.datacenter"
  nullable    = false

  validation {
    condition     = var.spread_attribute != "" && replace(var.spread_attribute, "/^(attr|meta|node)\\.[A-Za-z0-9._-]+$/", "") == ""
    error_message = "The spread_attribute begins with attr., meta. or node., and stands without the dollar sign and braces."
  }
}

variable "spread_percent" {
  type        = map(number)
  description = "How many of a hundred instances each value of spread_attribute gets. Evenly where it is empty."
  default     = {}
  nullable    = false
}

variable "constraints" {
  type        = list(object({ attribute = string, operator = string, value = string }))
  description = "Further constraints of the nodes, with attributes such as meta.cloud, without the dollar sign and braces."
  default     = []
  nullable    = false

  validation {
    condition     = length([for c in var.constraints : c if replace(c.attribute, "/^(attr|meta|node)\\.[A-Za-z0-9._-]+$/", "") != ""]) == 0
    error_message = "The attribute of each of the constraints begins with attr., meta. or node., and stands without the dollar sign and braces."
  }
}

variable "distinct_hosts" {
  type        = bool
  description = "Whether no node has two instances. A canary then needs a node more."
  default     = false
  nullable    = false
}

variable "host_volume" {
  type        = string
  description = "The host volume for data_dir, for driver exec. Without it, what instances keep ends with their allocation."
  default     = ""
  nullable    = false
}

variable "cpu" {
  type        = number
  description = "The share of CPU, in MHz."
  default     = 500
  nullable    = false
}

variable "memory" {
  type        = number
  description = "The memory, in MiB: an instance that takes more is killed, so that half of it is the most that bodies of requests may take."
  default     = 1024
  nullable    = false

  validation {
    condition     = var.memory >= 256
    error_message = "The memory is 256 MiB at least."
  }
}

variable "instances" {
  type        = number
  description = "How many instances run."
  default     = 3
  nullable    = false

  validation {
    condition     = var.instances >= 1 && floor(var.instances) == var.instances
    error_message = "There is at least one of the instances, and a whole number of them."
  }
}

variable "strategy" {
  type        = string
  description = "How a new version takes over: \"rolling\", some at a time; \"canary\", some beside the old ones until they are promoted; \"blue-green\", all beside the old ones until they are promoted."
  default     = "canary"
  nullable    = false

  validation {
    condition     = contains(["rolling", "canary", "blue-green"], var.strategy)
    error_message = "The strategy is \"rolling\", \"canary\" or \"blue-green\"."
  }
}

variable "canaries" {
  type        = number
  description = "How many instances of the new version run first with the strategy canary."
  default     = 1
  nullable    = false

  validation {
    condition     = var.canaries >= 1 && floor(var.canaries) == var.canaries
    error_message = "There is at least one of the canaries; without them the strategy is \"rolling\"."
  }
}

variable "max_parallel" {
  type        = number
  description = "How many instances are replaced at a time, by rolling and after the promotion of canaries. Capacity falls by so many."
  default     = 1
  nullable    = false

  validation {
    condition     = var.max_parallel >= 1 && floor(var.max_parallel) == var.max_parallel
    error_message = "The max_parallel is 1 at least: with 0 Nomad would replace all instances at once."
  }
}

variable "min_healthy_seconds" {
  type        = number
  description = "How long an instance is ready before it counts as healthy."
  default     = 10
  nullable    = false

  validation {
    condition     = var.min_healthy_seconds >= 1 && var.min_healthy_seconds <= 100
    error_message = "The min_healthy_seconds are from 1 to 100: an instance has two minutes to become healthy."
  }
}

variable "shutdown_delay_seconds" {
  type        = number
  description = "How long an instance serves on after it has left the catalog: longer than callers take to look again."
  default     = 5
  nullable    = false

  validation {
    condition     = var.shutdown_delay_seconds >= 0 && var.shutdown_delay_seconds <= 600
    error_message = "The shutdown_delay_seconds are from 0 to 600."
  }
}

variable "drain_seconds" {
  type        = number
  description = "How long open requests and streams may go on after SIGTERM. Above 20, raise max_kill_timeout of Nomad's clients to ten seconds more; they cut it to 30 seconds otherwise, without a word."
  default     = 20
  nullable    = false

  validation {
    condition     = var.drain_seconds >= 1 && var.drain_seconds <= 3600
    error_message = "The drain_seconds are from 1 to 3600."
  }
}

variable "consul_address" {
  type        = string
  description = "Where the local agent of Consul listens. Nothing of Consul is used by the program itself where it is empty."
  default     = "http://127.0.0.1:8500"
  nullable    = false

  validation {
    condition     = replace(var.consul_address, "/^(https?|unix)://.+$/", "") == ""
    error_message = "The consul_address begins with http://, https:// or unix://, or it is empty."
  }
}

variable "consul_prefix" {
  type        = string
  description = "Below which key the documents of the configuration are."
  default     = "nova/default"
  nullable    = false

  validation {
    condition     = var.consul_prefix != "" && replace(var.consul_prefix, "/^[^/](.*[^/])?$/", "") == ""
    error_message = "The consul_prefix neither begins nor ends with a slash."
  }
}

variable "consul_auth_method" {
  type        = string
  description = "The auth method by which the program logs in to Consul with its identity, such as nova-workloads. It does not log in where it is empty."
  default     = ""
  nullable    = false
}

variable "consul_lines" {
  type        = string
  description = "Further lines of the block consul, such as ca_file."
  default     = ""
  nullable    = false
}

variable "vault_address" {
  type        = string
  description = "Where Vault listens. There is no Vault where it is empty."
  default     = ""
  nullable    = false

  validation {
    condition     = replace(var.vault_address, "/^(https?|unix)://.+$/", "") == ""
    error_message = "The vault_address begins with http://, https:// or unix://, or it is empty."
  }
}

variable "vault_mount" {
  type        = string
  description = "Where Vault's auth method for the tasks of this Nomad is. Where several regions of Nomad share one Vault, each has its own."
  default     = "jwt-nomad"
  nullable    = false

  validation {
    condition     = var.vault_mount != "" && replace(var.vault_mount, "/^[0-9A-Za-z_-][0-9A-Za-z._/-]*$/", "") == ""
    error_message = "The vault_mount is of letters, digits, dots, hyphens, underscores and slashes."
  }
}

variable "vault_role" {
  type        = string
  description = "The role of that mount that the program logs in to Vault as."
  default     = "nova-proxy"
  nullable    = false
}

variable "vault_lines" {
  type        = string
  description = "Further lines of the block vault, such as ca_file. The credentials for Bedrock are taken from Vault by bedrock.vault_credentials in the config."
  default     = ""
  nullable    = false
}
