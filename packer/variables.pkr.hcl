# What is in the image. Nothing is taken without its sum.

variable "nova_archive" {
  type        = string
  description = "The release, on the machine that builds: nova-<version>-linux-amd64.tar.gz."

  validation {
    condition     = can(regex("nova-[0-9]+\\.[0-9]+\\.[0-9]+[^/]*-linux-amd64\\.tar\\.gz$", var.nova_archive))
    error_message = "The nova_archive is a release, nova-<version>-linux-amd64.tar.gz."
  }
}

variable "nova_sha256" {
  type        = string
  description = "The sum of the release, from its SHA256SUMS."

  validation {
    condition     = can(regex("^[0-9a-f]{64}$", var.nova_sha256))
    error_message = "The nova_sha256 has 64 hexadecimal digits."
  }
}

variable "nova_version" {
  type        = string
  description = "The version of the release: in the image's name, and below /opt/nova."

  validation {
    condition     = can(regex("^[0-9]+\\.[0-9]+\\.[0-9]+([-+][0-9A-Za-z.+-]+)?$", var.nova_version))
    error_message = "The nova_version is a semantic version."
  }
}

variable "consul" {
  type = object({
    version = string
    url     = string
    sha256  = string
  })
  description = "Consul: its zip for linux_amd64, from HashiCorp or from a mirror of yours."

  validation {
    condition     = can(regex("^https://.+\\.zip$", var.consul.url)) && can(regex("^[0-9a-f]{64}$", var.consul.sha256))
    error_message = "Consul comes as a zip by HTTPS, with its sum."
  }
}

variable "nomad" {
  type = object({
    version = string
    url     = string
    sha256  = string
  })
  description = "Nomad: its zip for linux_amd64, from HashiCorp or from a mirror of yours."

  validation {
    condition     = can(regex("^https://.+\\.zip$", var.nomad.url)) && can(regex("^[0-9a-f]{64}$", var.nomad.sha256))
    error_message = "Nomad comes as a zip by HTTPS, with its sum."
  }
}

variable "git_sha" {
  type        = string
  description = "The commit that the image is built from, in its tags."
  default     = "unknown"
}

# Where it is built.

variable "aws" {
  type = object({
    region      = string
    subnet_id   = string
    kms_key_id  = optional(string)
    ami_users   = optional(list(string), [])
    ami_regions = optional(list(string), [])
  })
  description = "For AWS: a subnet from which Debian's packages are reached, and who may use the image."
  default = {
    region    = "us-east-1"
    subnet_id = ""
  }
}

variable "gcp" {
  type = object({
    project    = string
    zone       = string
    subnetwork = string
  })
  description = "For Google Cloud."
  default = {
    project    = ""
    zone       = "us-east4-a"
    subnetwork = ""
  }
}

variable "azure" {
  type = object({
    subscription_id = string
    resource_group  = string
    location        = string
    gallery         = string
  })
  description = "For Azure: a gallery with the definition nova-node, which allows Trusted Launch."
  default = {
    subscription_id = ""
    resource_group  = ""
    location        = "eastus2"
    gallery         = ""
  }
}

variable "qemu" {
  type = object({
    image_url    = string
    image_sha512 = string
    ssh_key      = string
    accelerator  = optional(string, "kvm")
  })
  description = "For machines of one's own: Debian's generic cloud image, by a URL or a path, with its sum; and a key pair for the build alone, whose public half is beside it as <ssh_key>.pub."
  default = {
    image_url    = ""
    image_sha512 = ""
    ssh_key      = ""
  }
}

locals {
  # The names of images take no dots in Google Cloud, and no plus anywhere.
  name = "nova-node-${replace(replace(var.nova_version, ".", "-"), "+", "-")}"
  tags = {
    system         = "nova"
    nova_version   = var.nova_version
    consul_version = var.consul.version
    nomad_version  = var.nomad.version
    git_sha        = var.git_sha
  }
}
