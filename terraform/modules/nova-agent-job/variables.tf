# Made from jobs/nova-agent.nomad.hcl by tests/terraform/generate: change it there.

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
  description = "Where the program is: the URL of nova-<version>-linux-amd64.tar.gz with its checksum as query, or, for trials, the path of nova-agent on each host."
  nullable    = false

  validation {
    condition     = var.artifact != "" && replace(var.artifact, "/^(/.+|(https?|s3|gcs)://[^ ]+[?&]checksum=sha256:[0-9a-f]{64})$/", "") == ""
    error_message = "The artifact is a URL that ends in ?checksum=sha256:<64 hexadecimal digits>, or an absolute path on the host."
  }
}

variable "archive_path" {
  type        = string
  description = "Where nova-agent is in the archive, where it is not bin/nova-agent below a folder of the archive's name."
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

variable "config" {
  type        = string
  description = "Further configuration of the agent: rollout blocks with policies, leader, log. Not listen, socket, kv_prefix, service, data_dir, consul, nomad and access, which the job writes. It is a template of Nomad's too."
  default     = ""
  nullable    = false

  validation {
    condition     = replace(var.config, "/(?m)^(listen|advertise|socket|kv_prefix|service|data_dir|consul|nomad|access)[ {=]/", "") == var.config
    error_message = "The config says nothing of listen, advertise, socket, kv_prefix, service, data_dir, consul, nomad and access: the job writes them, from variables of their own."
  }
}

variable "viewer_policies" {
  type        = list(string)
  description = "The policies of Nomad's whose tokens may see everything by the agent's API."
  default     = ["nova-viewer"]
  nullable    = false
}

variable "operator_policies" {
  type        = list(string)
  description = "The policies of Nomad's whose tokens may give orders by the agent's API."
  default     = ["nova-deployer"]
  nullable    = false
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

variable "namespaces" {
  type        = list(string)
  description = "The namespaces whose deployments the agent follows. Its identity needs the policy agent in each."
  default     = ["default"]
  nullable    = false

  validation {
    condition     = length(var.namespaces) > 0
    error_message = "There is at least one of the namespaces."
  }
}

variable "host_volume" {
  type        = string
  description = "The host volume for data_dir, for driver exec. Without it, what an instance keeps ends with its allocation."
  default     = ""
  nullable    = false
}

variable "instances" {
  type        = number
  description = "How many instances run. One leads; with two, a node may fail."
  default     = 2
  nullable    = false

  validation {
    condition     = var.instances >= 1 && floor(var.instances) == var.instances
    error_message = "There is at least one of the instances, and a whole number of them."
  }
}

variable "distinct_hosts" {
  type        = bool
  description = "Whether no node has two instances."
  default     = false
  nullable    = false
}

variable "cpu" {
  type        = number
  description = "The share of CPU, in MHz."
  default     = 100
  nullable    = false
}

variable "memory" {
  type        = number
  description = "The memory, in MiB."
  default     = 128
  nullable    = false

  validation {
    condition     = var.memory >= 64
    error_message = "The memory is 64 MiB at least."
  }
}

variable "drain_seconds" {
  type        = number
  description = "How long an activation and open requests may go on after SIGTERM, each. With more than 8, raise max_kill_timeout of Nomad's clients; they cut it to 30 seconds otherwise, without a word."
  default     = 8
  nullable    = false

  validation {
    condition     = var.drain_seconds >= 1 && var.drain_seconds <= 600
    error_message = "The drain_seconds are from 1 to 600."
  }
}

variable "consul_address" {
  type        = string
  description = "Where the local agent of Consul listens."
  default     = "http://127.0.0.1:8500"
  nullable    = false

  validation {
    condition     = var.consul_address != "" && replace(var.consul_address, "/^(https?|unix)://.+$/", "") == ""
    error_message = "The consul_address begins with http://, https:// or unix://."
  }
}

variable "consul_prefix" {
  type        = string
  description = "Below which key everything of this system is."
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

variable "nomad_address" {
  type        = string
  description = "Where Nomad listens, where it is not the socket of the task API."
  default     = ""
  nullable    = false

  validation {
    condition     = replace(var.nomad_address, "/^(https?|unix)://.+$/", "") == ""
    error_message = "The nomad_address begins with http://, https:// or unix://, or it is empty."
  }
}

variable "service" {
  type        = string
  description = "The service under which the proxies are in Consul's catalog."
  default     = "nova-proxy"
  nullable    = false

  validation {
    condition     = var.service != "" && replace(var.service, "/^[a-z0-9-]+$/", "") == ""
    error_message = "The service is of lower-case letters, digits and hyphens."
  }
}

variable "has_vault_identity" {
  type        = bool
  description = "Whether the agent gets an identity for Vault, by which it may log in there."
  default     = false
  nullable    = false
}
