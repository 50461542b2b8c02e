# Runs the simulator of Bedrock, `nova-local sim`, for trials of nova-proxy without AWS. Nobody pays, and nothing is secret.
#
#   nomad job run -var artifact=/usr/local/bin/nova-local -var driver=raw_exec jobs/bedrock-sim.nomad.hcl
#
# nova-proxy finds it by its configuration, which is a template:
#
#   bedrock {
#     {{ range service "bedrock-sim" }}endpoint = "http://{{ .Address }}:{{ .Port }}"{{ end }}
#   }

variable "artifact" {
  type        = string
  description = "Where the program is: the URL of nova-<version>-linux-amd64.tar.gz with its checksum as query, or the path of nova-local on the host."

  validation {
    condition     = var.artifact != "" && regex_replace(var.artifact, "^(/.+|(https?|s3|gcs)://[^ ]+[?&]checksum=sha256:[0-9a-f]{64})$", "") == ""
    error_message = "The artifact is a URL that ends in ?checksum=sha256:<64 hexadecimal digits>, or an absolute path on the host."
  }
}

variable "archive_path" {
  type        = string
  description = "Where nova-local is in the archive, where it is not bin/nova-local below a folder of the archive's name."
  default     = ""

  validation {
    condition     = regex_replace(var.archive_path, "^[0-9A-Za-z_-][0-9A-Za-z._/-]*$", "") == ""
    error_message = "The archive_path is relative, and of letters, digits, dots, hyphens, underscores and slashes."
  }
}

variable "driver" {
  type        = string
  description = "The task driver: exec, or raw_exec, which isolates nothing."
  default     = "exec"

  validation {
    condition     = contains(["exec", "raw_exec"], var.driver)
    error_message = "The driver is \"exec\", or \"raw_exec\" for trials."
  }
}

variable "user" {
  type        = string
  description = "The user that the program runs as."
  default     = "nobody"

  validation {
    condition     = var.user != ""
    error_message = "The user has a name: without one raw_exec would run the program as Nomad's own, which is root."
  }
}

variable "namespace" {
  type        = string
  description = "The namespace of Nomad."
  default     = "default"
}

variable "datacenters" {
  type        = list(string)
  description = "The datacenters that it may be in."
  default     = ["*"]

  validation {
    condition     = length(var.datacenters) > 0
    error_message = "There is at least one datacenter, or \"*\" for all."
  }
}

variable "node_pool" {
  type        = string
  description = "The node pool that it is in."
  default     = "default"
}

variable "bedrock_region" {
  type        = string
  description = "The AWS region that it serves."
  default     = "us-east-1"

  validation {
    condition     = var.bedrock_region != "" && regex_replace(var.bedrock_region, "^[a-z]{2}(-[a-z]+)+-[0-9]$", "") == ""
    error_message = "The bedrock_region is one of AWS's, such as us-east-1."
  }
}

variable "port" {
  type        = number
  description = "The port that it has at all times, so that Vault finds the simulator's STS again; with 0 Nomad chooses one."
  default     = 0

  validation {
    condition     = var.port >= 0 && var.port < 65536 && floor(var.port) == var.port
    error_message = "The port is a whole number from 0 to 65535."
  }
}

locals {
  # A release has one folder, called as the archive is.
  archive_folder = regex_replace(var.artifact, "^.*/([^/?]+)\\.tar\\.gz.*$", "$${1}")
  archive_path   = var.archive_path != "" ? var.archive_path : "${local.archive_folder}/bin/nova-local"

  is_archive = substr(var.artifact, 0, 1) != "/"
  program    = local.is_archive ? "local/nova/${local.archive_path}" : var.artifact
}

job "bedrock-sim" {
  type        = "service"
  namespace   = var.namespace
  datacenters = var.datacenters
  node_pool   = var.node_pool

  group "sim" {
    # One, so that there is one bill.
    count = 1

    network {
      dynamic "port" {
        for_each = var.port == 0 ? [var.port] : []
        labels   = ["http"]
        content {}
      }
      dynamic "port" {
        for_each = var.port == 0 ? [] : [var.port]
        labels   = ["http"]
        content {
          static = port.value
        }
      }
    }

    service {
      name     = "bedrock-sim"
      provider = "consul"
      port     = "http"

      check {
        type     = "http"
        path     = "/_sim/health"
        interval = "5s"
        timeout  = "2s"
      }
    }

    task "bedrock-sim" {
      driver = var.driver
      user   = var.user

      config {
        command = local.program
        args    = ["sim", "--region", "${var.bedrock_region}=${NOMAD_ADDR_http}"]
      }

      dynamic "artifact" {
        for_each = local.is_archive ? [var.artifact] : []
        content {
          source      = artifact.value
          destination = "local/nova"
        }
      }

      resources {
        cpu    = 200
        memory = 256
      }
    }
  }
}
