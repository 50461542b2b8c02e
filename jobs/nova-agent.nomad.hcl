# Runs nova-agent. docs/how-to/agent-on-nomad.md has the commands, and what has to be there before.
#
#   nomad job run -var-file=agent.hcl jobs/nova-agent.nomad.hcl
#
# Several instances may run: one leads by a lock in Consul, the others wait for it and answer what can be answered by all.

# What runs.

variable "version" {
  type        = string
  description = "The version that runs: in the catalog, as the service's Meta version, and in the job's meta."

  validation {
    condition     = var.version != "" && regex_replace(var.version, "^[0-9]+\\.[0-9]+\\.[0-9]+([-+][0-9A-Za-z.+-]+)?$", "") == ""
    error_message = "The version is a semantic version, such as 0.1.0 or 0.2.0-rc.1."
  }
}

variable "artifact" {
  type        = string
  description = "Where the program is: the URL of nova-<version>-linux-amd64.tar.gz with its checksum as query, or, for trials, the path of nova-agent on each host."

  validation {
    condition     = var.artifact != "" && regex_replace(var.artifact, "^(/.+|(https?|s3|gcs)://[^ ]+[?&]checksum=sha256:[0-9a-f]{64})$", "") == ""
    error_message = "The artifact is a URL that ends in ?checksum=sha256:<64 hexadecimal digits>, or an absolute path on the host."
  }
}

variable "archive_path" {
  type        = string
  description = "Where nova-agent is in the archive, where it is not bin/nova-agent below a folder of the archive's name."
  default     = ""

  validation {
    condition     = regex_replace(var.archive_path, "^[0-9A-Za-z_-][0-9A-Za-z._/-]*$", "") == ""
    error_message = "The archive_path is relative, and of letters, digits, dots, hyphens, underscores and slashes."
  }
}

variable "driver" {
  type        = string
  description = "The task driver: exec, or raw_exec for trials, which isolates nothing."
  default     = "exec"

  validation {
    condition     = contains(["exec", "raw_exec"], var.driver)
    error_message = "The driver is \"exec\", or \"raw_exec\" for trials."
  }
}

variable "user" {
  type        = string
  description = "The user that the program runs as. It needs no rights of its own."
  default     = "nobody"

  validation {
    condition     = var.user != ""
    error_message = "The user has a name: without one raw_exec would run the program as Nomad's own, which is root."
  }
}

# How it is configured.

variable "config" {
  type        = string
  description = "Further configuration of the agent: rollout blocks with policies, leader, log. Not listen, socket, kv_prefix, service, data_dir, consul, nomad and access, which the job writes. It is a template of Nomad's too."
  default     = ""

  validation {
    condition     = regex_replace(var.config, "(?m)^(listen|advertise|socket|kv_prefix|service|data_dir|consul|nomad|access)[ {=]", "") == var.config
    error_message = "The config says nothing of listen, advertise, socket, kv_prefix, service, data_dir, consul, nomad and access: the job writes them, from variables of their own."
  }
}

variable "viewer_policies" {
  type        = list(string)
  description = "The policies of Nomad's whose tokens may see everything by the agent's API."
  default     = ["nova-viewer"]
}

variable "operator_policies" {
  type        = list(string)
  description = "The policies of Nomad's whose tokens may give orders by the agent's API."
  default     = ["nova-deployer"]
}

# Where it runs.

variable "region" {
  type        = string
  description = "The region of Nomad."
  default     = "global"
}

variable "namespace" {
  type        = string
  description = "The namespace of Nomad. The roles in Consul and Vault are bound to it."
  default     = "default"
}

variable "datacenters" {
  type        = list(string)
  description = "The datacenters that instances may be in; with one for each cloud and zone this is the choice of clouds."
  default     = ["*"]

  validation {
    condition     = length(var.datacenters) > 0
    error_message = "There is at least one datacenter, or \"*\" for all."
  }
}

variable "node_pool" {
  type        = string
  description = "The node pool that instances are in."
  default     = "default"
}

variable "constraints" {
  type        = list(object({ attribute = string, operator = string, value = string }))
  description = "Further constraints of the nodes, with attributes such as meta.cloud, without the dollar sign and braces."
  default     = []

  validation {
    condition     = length([for c in var.constraints : c if regex_replace(c.attribute, "^(attr|meta|node)\\.[A-Za-z0-9._-]+$", "") != ""]) == 0
    error_message = "The attribute of each of the constraints begins with attr., meta. or node., and stands without the dollar sign and braces."
  }
}

variable "namespaces" {
  type        = list(string)
  description = "The namespaces whose deployments the agent follows. Its identity needs the policy agent in each."
  default     = ["default"]

  validation {
    condition     = length(var.namespaces) > 0
    error_message = "There is at least one of the namespaces."
  }
}

variable "host_volume" {
  type        = string
  description = "The host volume for data_dir, for driver exec. Without it, what an instance keeps ends with its allocation."
  default     = ""
}

variable "instances" {
  type        = number
  description = "How many instances run. One leads; with two, a node may fail."
  default     = 2

  validation {
    condition     = var.instances >= 1 && floor(var.instances) == var.instances
    error_message = "There is at least one of the instances, and a whole number of them."
  }
}

variable "distinct_hosts" {
  type        = bool
  description = "Whether no node has two instances."
  default     = false
}

variable "cpu" {
  type        = number
  description = "The share of CPU, in MHz."
  default     = 100
}

variable "memory" {
  type        = number
  description = "The memory, in MiB."
  default     = 128

  validation {
    condition     = var.memory >= 64
    error_message = "The memory is 64 MiB at least."
  }
}

variable "drain_seconds" {
  type        = number
  description = "How long an activation and open requests may go on after SIGTERM, each. With more than 8, raise max_kill_timeout of Nomad's clients; they cut it to 30 seconds otherwise, without a word."
  default     = 8

  validation {
    condition     = var.drain_seconds >= 1 && var.drain_seconds <= 600
    error_message = "The drain_seconds are from 1 to 600."
  }
}

# Consul, Nomad and Vault.

variable "consul_address" {
  type        = string
  description = "Where the local agent of Consul listens."
  default     = "http://127.0.0.1:8500"

  validation {
    condition     = var.consul_address != "" && regex_replace(var.consul_address, "^(https?|unix)://.+$", "") == ""
    error_message = "The consul_address begins with http://, https:// or unix://."
  }
}

variable "consul_prefix" {
  type        = string
  description = "Below which key everything of this system is."
  default     = "nova/default"

  validation {
    condition     = var.consul_prefix != "" && regex_replace(var.consul_prefix, "^[^/](.*[^/])?$", "") == ""
    error_message = "The consul_prefix neither begins nor ends with a slash."
  }
}

variable "consul_auth_method" {
  type        = string
  description = "The auth method by which the program logs in to Consul with its identity, such as nova-workloads. It does not log in where it is empty."
  default     = ""
}

variable "consul_lines" {
  type        = string
  description = "Further lines of the block consul, such as ca_file."
  default     = ""
}

variable "nomad_address" {
  type        = string
  description = "Where Nomad listens, where it is not the socket of the task API."
  default     = ""

  validation {
    condition     = regex_replace(var.nomad_address, "^(https?|unix)://.+$", "") == ""
    error_message = "The nomad_address begins with http://, https:// or unix://, or it is empty."
  }
}

variable "service" {
  type        = string
  description = "The service under which the proxies are in Consul's catalog."
  default     = "nova-proxy"

  validation {
    condition     = var.service != "" && regex_replace(var.service, "^[a-z0-9-]+$", "") == ""
    error_message = "The service is of lower-case letters, digits and hyphens."
  }
}

variable "has_vault_identity" {
  type        = bool
  description = "Whether the agent gets an identity for Vault, by which it may log in there."
  default     = false
}

locals {
  # A release has one folder, called as the archive is.
  archive_folder = regex_replace(var.artifact, "^.*/([^/?]+)\\.tar\\.gz.*$", "$${1}")
  archive_path   = var.archive_path != "" ? var.archive_path : "${local.archive_folder}/bin/nova-agent"

  is_archive = substr(var.artifact, 0, 1) != "/"
  program    = local.is_archive ? "local/nova/${local.archive_path}" : var.artifact

  # An activation ends, leadership is handed over, requests end, the token goes.
  kill_timeout_seconds = 2 * var.drain_seconds + 14

  has_login  = var.consul_auth_method != ""
  has_volume = var.host_volume != ""

  # Blocks of a later file replace those of an earlier one whole: what the config may not say comes after it.
  place = <<-HCL
    listen        = "{{ env "NOMAD_ADDR_api" }}"
    socket        = "{{ env "NOMAD_ALLOC_DIR" }}/agent.sock"
    kv_prefix     = "${var.consul_prefix}"
    service       = "${var.service}"
    drain_timeout = "${var.drain_seconds}s"
    %{~if local.has_volume}
    data_dir = "/var/lib/nova-agent"
    %{~endif}
    consul {
      address = "${var.consul_address}"
      %{~if local.has_login}
      login {
        auth_method = "${var.consul_auth_method}"
        jwt_file    = "{{ env "NOMAD_SECRETS_DIR" }}/nomad_nova_consul.jwt"
      }
      %{~endif}
      ${indent(6, var.consul_lines)}
    }
    nomad {
      %{~if var.nomad_address != ""}
      address = "${var.nomad_address}"
      %{~else}
      address = "unix://{{ env "NOMAD_SECRETS_DIR" }}/api.sock"
      %{~endif}
      token_file = "{{ env "NOMAD_SECRETS_DIR" }}/nomad_token"
      namespaces = ${jsonencode(var.namespaces)}
    }
    access {
      nomad {
        viewer   = ${jsonencode(var.viewer_policies)}
        operator = ${jsonencode(var.operator_policies)}
      }
    }
  HCL
}

job "nova-agent" {
  type        = "service"
  region      = var.region
  namespace   = var.namespace
  datacenters = var.datacenters
  node_pool   = var.node_pool

  meta {
    version = var.version
  }

  # What the archive is built for.
  constraint {
    attribute = "$${attr.kernel.name}"
    value     = "linux"
  }
  constraint {
    attribute = "$${attr.cpu.arch}"
    value     = "amd64"
  }

  dynamic "constraint" {
    for_each = var.constraints
    content {
      attribute = "$${${constraint.value.attribute}}"
      operator  = constraint.value.operator
      value     = constraint.value.value
    }
  }

  # One after the other: each hands leadership over before it goes. A version that does not become ready is taken back.
  update {
    health_check      = "checks"
    max_parallel      = 1
    min_healthy_time  = "5s"
    healthy_deadline  = "2m"
    progress_deadline = "${600 + local.kill_timeout_seconds}s" # Nomad wants it longer than kill_timeout.
    auto_revert       = true
  }

  group "agent" {
    count = var.instances

    dynamic "constraint" {
      for_each = var.distinct_hosts ? [true] : []
      content {
        operator = "distinct_hosts"
        value    = "true"
      }
    }

    network {
      port "api" {}
    }

    service {
      name     = "nova-agent"
      provider = "consul"
      port     = "api"

      meta {
        version  = var.version
        instance = "${NOMAD_ALLOC_ID}"
      }

      check {
        name     = "ready"
        type     = "http"
        path     = "/health/ready"
        interval = "5s"
        timeout  = "2s"
      }
    }

    dynamic "volume" {
      for_each = local.has_volume ? [var.host_volume] : []
      labels   = ["data"]
      content {
        type      = "host"
        source    = volume.value
        read_only = false
      }
    }

    # A process that ends is started again in its place, and moved when that does not help.
    restart {
      attempts = 3
      interval = "5m"
      delay    = "5s"
      mode     = "fail"
    }
    reschedule {
      delay          = "10s"
      delay_function = "exponential"
      max_delay      = "5m"
      unlimited      = true
    }

    task "nova-agent" {
      driver       = var.driver
      user         = var.user
      kill_signal  = "SIGTERM"
      kill_timeout = "${local.kill_timeout_seconds}s"

      config {
        command = local.program
        args    = ["run"]
      }

      dynamic "artifact" {
        for_each = local.is_archive ? [var.artifact] : []
        content {
          source      = artifact.value
          destination = "local/nova"
        }
      }

      env {
        NOVA_AGENT_CONFIG = "${NOMAD_TASK_DIR}/agent.hcl,${NOMAD_TASK_DIR}/place.hcl"
      }

      template {
        data          = "${var.config}\n# From the variable config of the job.\n"
        destination   = "local/agent.hcl"
        change_mode   = "signal"
        change_signal = "SIGHUP"
      }
      template {
        data          = local.place
        destination   = "local/place.hcl"
        change_mode   = "signal"
        change_signal = "SIGHUP"
      }

      # By this one the agent asks Nomad, over the task API's socket in the secrets folder.
      identity {
        env  = true
        file = true
      }

      # With these the program logs in by itself, so that its tokens end with it. They are not called consul_default and
      # vault_default: by those Nomad logs in, for the first one by an auth method whose tokens do not end with time.
      dynamic "identity" {
        for_each = local.has_login ? [true] : []
        content {
          name        = "nova_consul"
          aud         = ["consul.io"]
          file        = true
          ttl         = "1h"
          change_mode = "noop"
        }
      }
      dynamic "identity" {
        for_each = var.has_vault_identity ? [true] : []
        content {
          name        = "nova_vault"
          aud         = ["vault.io"]
          file        = true
          ttl         = "1h"
          change_mode = "noop"
        }
      }

      dynamic "volume_mount" {
        for_each = local.has_volume ? [true] : []
        content {
          volume      = "data"
          destination = "/var/lib/nova-agent"
        }
      }

      resources {
        cpu    = var.cpu
        memory = var.memory
      }
    }
  }
}
