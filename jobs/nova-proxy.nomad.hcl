# Runs nova-proxy. docs/how-to/nomad.md has the commands, and what has to be there before.
#
#   nomad job run -var-file=prod.hcl jobs/nova-proxy.nomad.hcl
#
# Who registers: Nomad does, by the block service below, and the proxy is told not to. Only checks of Nomad's own decide whether a
# deployment is healthy; Nomad takes the entry out before shutdown_delay and the signal, and also where the process was killed.

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
  description = "Where the program is: the URL of nova-<version>-linux-amd64.tar.gz with its checksum as query, or, for trials, the path of nova-proxy on each host."

  validation {
    condition     = var.artifact != "" && regex_replace(var.artifact, "^(/.+|(https?|s3|gcs)://[^ ]+[?&]checksum=sha256:[0-9a-f]{64})$", "") == ""
    error_message = "The artifact is a URL that ends in ?checksum=sha256:<64 hexadecimal digits>, or an absolute path on the host."
  }
}

variable "archive_path" {
  type        = string
  description = "Where nova-proxy is in the archive, where it is not bin/nova-proxy below a folder of the archive's name."
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

variable "uid" {
  type        = number
  description = "The number of that user, to whom the files with keys belong."
  default     = 65534

  validation {
    condition     = var.uid >= 0 && floor(var.uid) == var.uid
    error_message = "The uid is the number of the user."
  }
}

# How it is configured.

variable "config" {
  type        = string
  description = "The proxy's configuration: bedrock, auth, limits, models. Not listen, metrics, data_dir, server, consul and vault, which the job writes. It is a template of Nomad's too."
  default     = ""

  validation {
    condition     = regex_replace(var.config, "(?m)^(listen|metrics|data_dir|server|consul|vault)[ {=]", "") == var.config
    error_message = "The config says nothing of listen, metrics, data_dir, server, consul and vault: the job writes them, from variables of their own."
  }
}

variable "env" {
  type        = map(string)
  description = "Environment variables of the program. What is secret does not belong here: whoever may read the job reads it."
  default     = {}
}

variable "keys" {
  type        = string
  description = "Where the API keys come from: \"nomad\" for the items keys and pepper of the Nomad variable nomad/jobs/nova-proxy, \"config\" where the config says it."
  default     = "nomad"

  validation {
    condition     = contains(["nomad", "config"], var.keys)
    error_message = "The keys come from \"nomad\" or \"config\"."
  }
}

variable "server_lines" {
  type        = string
  description = "Further lines of the block server, such as trusted_proxies."
  default     = ""
}

variable "ring" {
  type        = string
  description = "The rollout ring, a label on every metric and in the catalog."
  default     = "stable"

  validation {
    condition     = var.ring != "" && regex_replace(var.ring, "^[a-z0-9-]+$", "") == ""
    error_message = "The ring is of lower-case letters, digits and hyphens."
  }
}

variable "bedrock_region" {
  type        = string
  description = "The AWS region that is called first, and where the config says none. It is in the catalog too."
  default     = "us-east-1"

  validation {
    condition     = var.bedrock_region != "" && regex_replace(var.bedrock_region, "^[a-z]{2}(-[a-z]+)+-[0-9]$", "") == ""
    error_message = "The bedrock_region is one of AWS's, such as us-east-1."
  }
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

variable "spread_attribute" {
  type        = string
  description = "What instances are spread over evenly, such as node.datacenter or meta.cloud."
  default     = "node.datacenter"

  validation {
    condition     = var.spread_attribute != "" && regex_replace(var.spread_attribute, "^(attr|meta|node)\\.[A-Za-z0-9._-]+$", "") == ""
    error_message = "The spread_attribute begins with attr., meta. or node., and stands without the dollar sign and braces."
  }
}

variable "spread_percent" {
  type        = map(number)
  description = "How many of a hundred instances each value of spread_attribute gets. Evenly where it is empty."
  default     = {}
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

variable "distinct_hosts" {
  type        = bool
  description = "Whether no node has two instances. A canary then needs a node more."
  default     = false
}

variable "host_volume" {
  type        = string
  description = "The host volume for data_dir, for driver exec. Without it, what instances keep ends with their allocation."
  default     = ""
}

variable "cpu" {
  type        = number
  description = "The share of CPU, in MHz."
  default     = 500
}

variable "memory" {
  type        = number
  description = "The memory, in MiB: an instance that takes more is killed, so that half of it is the most that bodies of requests may take."
  default     = 1024

  validation {
    condition     = var.memory >= 256
    error_message = "The memory is 256 MiB at least."
  }
}

# How many, and how a new version takes over.

variable "instances" {
  type        = number
  description = "How many instances run."
  default     = 3

  validation {
    condition     = var.instances >= 1 && floor(var.instances) == var.instances
    error_message = "There is at least one of the instances, and a whole number of them."
  }
}

variable "strategy" {
  type        = string
  description = "How a new version takes over: \"rolling\", some at a time; \"canary\", some beside the old ones until they are promoted; \"blue-green\", all beside the old ones until they are promoted."
  default     = "canary"

  validation {
    condition     = contains(["rolling", "canary", "blue-green"], var.strategy)
    error_message = "The strategy is \"rolling\", \"canary\" or \"blue-green\"."
  }
}

variable "canaries" {
  type        = number
  description = "How many instances of the new version run first with the strategy canary."
  default     = 1

  validation {
    condition     = var.canaries >= 1 && floor(var.canaries) == var.canaries
    error_message = "There is at least one of the canaries; without them the strategy is \"rolling\"."
  }
}

variable "max_parallel" {
  type        = number
  description = "How many instances are replaced at a time, by rolling and after the promotion of canaries. Capacity falls by so many."
  default     = 1

  validation {
    condition     = var.max_parallel >= 1 && floor(var.max_parallel) == var.max_parallel
    error_message = "The max_parallel is 1 at least: with 0 Nomad would replace all instances at once."
  }
}

variable "min_healthy_seconds" {
  type        = number
  description = "How long an instance is ready before it counts as healthy."
  default     = 10

  validation {
    condition     = var.min_healthy_seconds >= 1 && var.min_healthy_seconds <= 100
    error_message = "The min_healthy_seconds are from 1 to 100: an instance has two minutes to become healthy."
  }
}

# How an instance ends: out of the catalog, shutdown_delay, SIGTERM, drain, and SIGKILL if it is still there.

variable "shutdown_delay_seconds" {
  type        = number
  description = "How long an instance serves on after it has left the catalog: longer than callers take to look again."
  default     = 5

  validation {
    condition     = var.shutdown_delay_seconds >= 0 && var.shutdown_delay_seconds <= 600
    error_message = "The shutdown_delay_seconds are from 0 to 600."
  }
}

variable "drain_seconds" {
  type        = number
  description = "How long open requests and streams may go on after SIGTERM. Above 20, raise max_kill_timeout of Nomad's clients to ten seconds more; they cut it to 30 seconds otherwise, without a word."
  default     = 20

  validation {
    condition     = var.drain_seconds >= 1 && var.drain_seconds <= 3600
    error_message = "The drain_seconds are from 1 to 3600."
  }
}

# Consul and Vault.

variable "consul_address" {
  type        = string
  description = "Where the local agent of Consul listens. Nothing of Consul is used by the program itself where it is empty."
  default     = "http://127.0.0.1:8500"

  validation {
    condition     = regex_replace(var.consul_address, "^(https?|unix)://.+$", "") == ""
    error_message = "The consul_address begins with http://, https:// or unix://, or it is empty."
  }
}

variable "consul_prefix" {
  type        = string
  description = "Below which key the documents of the configuration are."
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

variable "vault_address" {
  type        = string
  description = "Where Vault listens. There is no Vault where it is empty."
  default     = ""

  validation {
    condition     = regex_replace(var.vault_address, "^(https?|unix)://.+$", "") == ""
    error_message = "The vault_address begins with http://, https:// or unix://, or it is empty."
  }
}

variable "vault_mount" {
  type        = string
  description = "Where Vault's auth method for the tasks of this Nomad is. Where several regions of Nomad share one Vault, each has its own."
  default     = "jwt-nomad"

  validation {
    condition     = var.vault_mount != "" && regex_replace(var.vault_mount, "^[0-9A-Za-z_-][0-9A-Za-z._/-]*$", "") == ""
    error_message = "The vault_mount is of letters, digits, dots, hyphens, underscores and slashes."
  }
}

variable "vault_role" {
  type        = string
  description = "The role of that mount that the program logs in to Vault as."
  default     = "nova-proxy"
}

variable "vault_lines" {
  type        = string
  description = "Further lines of the block vault, such as ca_file. The credentials for Bedrock are taken from Vault by bedrock.vault_credentials in the config."
  default     = ""
}

locals {
  # A release has one folder, called as the archive is.
  archive_folder = regex_replace(var.artifact, "^.*/([^/?]+)\\.tar\\.gz.*$", "$${1}")
  archive_path   = var.archive_path != "" ? var.archive_path : "${local.archive_folder}/bin/nova-proxy"

  is_archive = substr(var.artifact, 0, 1) != "/"
  program    = local.is_archive ? "local/nova/${local.archive_path}" : var.artifact

  canaries = { rolling = 0, canary = var.canaries, blue-green = var.instances }[var.strategy]

  # While the drain begins, everything is served, and connections that callers keep are closed in good order.
  drain_min_delay_seconds = 3

  # Beside both, time for the last calls to Consul and Vault.
  kill_timeout_seconds = local.drain_min_delay_seconds + var.drain_seconds + 7

  has_consul = var.consul_address != ""
  has_login  = local.has_consul && var.consul_auth_method != ""
  has_vault  = var.vault_address != ""
  has_volume = var.host_volume != ""

  data_dir = local.has_volume ? "/var/lib/nova-proxy" : "{{ env \"NOMAD_ALLOC_DIR\" }}/data"

  # Blocks of a later file replace those of an earlier one whole. What the config may say otherwise comes before it, what it may not
  # comes after it; the blocks of the latter have variables for further lines.
  defaults = <<-HCL
    ring = "${var.ring}"
    limits {
      body_memory = "${floor(var.memory / 2)}MiB"
    }
    %{~if var.keys == "nomad"}
    auth {
      keys_file   = "{{ env "NOMAD_SECRETS_DIR" }}/keys.json"
      pepper_file = "{{ env "NOMAD_SECRETS_DIR" }}/keys.json.pepper"
    }
    %{~endif}
  HCL

  place = <<-HCL
    listen   = "{{ env "NOMAD_ADDR_http" }}"
    metrics  = "{{ env "NOMAD_ADDR_metrics" }}"
    data_dir = "${local.data_dir}"
    server {
      drain_min_delay = "${local.drain_min_delay_seconds}s"
      drain_timeout   = "${var.drain_seconds}s"
      ${indent(6, var.server_lines)}
    }
    %{~if local.has_consul}
    consul {
      address   = "${var.consul_address}"
      kv_prefix = "${var.consul_prefix}"
      service {
        register = false
      }
      %{~if local.has_login}
      login {
        auth_method = "${var.consul_auth_method}"
        jwt_file    = "{{ env "NOMAD_SECRETS_DIR" }}/nomad_nova_consul.jwt"
      }
      %{~endif}
      ${indent(6, var.consul_lines)}
    }
    %{~endif}
    %{~if local.has_vault}
    vault {
      address = "${var.vault_address}"
      jwt {
        mount    = "${var.vault_mount}"
        role     = "${var.vault_role}"
        jwt_file = "{{ env "NOMAD_SECRETS_DIR" }}/nomad_nova_vault.jwt"
      }
      ${indent(6, var.vault_lines)}
    }
    %{~endif}
  HCL
}

job "nova-proxy" {
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

  spread {
    attribute = "$${${var.spread_attribute}}"

    dynamic "target" {
      for_each = var.spread_percent
      labels   = [target.key]
      content {
        percent = target.value
      }
    }
  }

  # Neither promotes nor reverts by itself: what a canary's answers are like is not what Nomad's checks can see, and a revert begins
  # with canaries too.
  update {
    health_check      = "checks"
    canary            = local.canaries
    max_parallel      = var.max_parallel
    min_healthy_time  = "${var.min_healthy_seconds}s"
    healthy_deadline  = "2m"
    progress_deadline = "${600 + local.kill_timeout_seconds}s" # Nomad wants it longer than kill_timeout.
    auto_promote      = false
    auto_revert       = false
  }

  group "proxy" {
    count          = var.instances
    shutdown_delay = "${var.shutdown_delay_seconds}s"

    dynamic "constraint" {
      for_each = var.distinct_hosts ? [true] : []
      content {
        operator = "distinct_hosts"
        value    = "true"
      }
    }

    # The ports are Nomad's to choose: canaries run beside the old instances on the same node. Callers find them in the catalog.
    network {
      port "http" {}
      port "metrics" {}
    }

    # Tags and meta of canaries are those of the others, so that a promotion changes nothing in the catalog; who is new is told by
    # the version. The proxy's own registration has the same members, which nova-agent reads.
    service {
      name     = "nova-proxy"
      provider = "consul"
      port     = "http"

      meta {
        version        = var.version
        ring           = var.ring
        region         = var.bedrock_region
        instance       = "${NOMAD_ALLOC_ID}"
        metrics_port   = "${NOMAD_PORT_metrics}"
        metrics_scheme = "http"
      }

      check {
        name     = "ready"
        type     = "http"
        port     = "metrics"
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

    task "nova-proxy" {
      driver         = var.driver
      user           = var.user
      kill_signal    = "SIGTERM"
      kill_timeout   = "${local.kill_timeout_seconds}s"
      shutdown_delay = "0s"

      config {
        command = local.program
        args    = ["serve"]
      }

      dynamic "artifact" {
        for_each = local.is_archive ? [var.artifact] : []
        content {
          source      = artifact.value
          destination = "local/nova"
        }
      }

      env = merge(var.env, {
        AWS_REGION        = var.bedrock_region
        NOVA_PROXY_CONFIG = "${NOMAD_TASK_DIR}/defaults.hcl,${NOMAD_TASK_DIR}/proxy.hcl,${NOMAD_TASK_DIR}/place.hcl"
      })

      # The proxy sees by itself that a file has changed.
      template {
        data        = local.defaults
        destination = "local/defaults.hcl"
        change_mode = "noop"
      }
      template {
        data        = var.config
        destination = "local/proxy.hcl"
        change_mode = "noop"
      }
      template {
        data        = local.place
        destination = "local/place.hcl"
        change_mode = "noop"
      }
      dynamic "template" {
        for_each = var.keys == "nomad" ? { "keys.json" = "keys", "keys.json.pepper" = "pepper" } : {}
        content {
          data        = "{{ with nomadVar \"nomad/jobs/nova-proxy\" }}{{ .${template.value} }}{{ end }}"
          destination = "secrets/${template.key}"
          change_mode = "noop"
          perms       = "400"
          uid         = var.uid
        }
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
        for_each = local.has_vault ? [true] : []
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
          destination = "/var/lib/nova-proxy"
        }
      }

      resources {
        cpu    = var.cpu
        memory = var.memory
      }
    }
  }
}
