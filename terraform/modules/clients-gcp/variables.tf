variable "name" {
  type        = string
  description = "What names begin with."
  default     = "nova"
  nullable    = false
}

variable "project" {
  type        = string
  description = "The project."
}

variable "region" {
  type        = string
  description = "The region, over whose zones the nodes are spread."
}

variable "image" {
  type        = string
  description = "The image: one that packer/ has made, by its name, so that no later one is taken unasked."

  validation {
    condition     = !strcontains(var.image, "/family/")
    error_message = "The image is one, and not a family's newest."
  }
}

variable "machine_type" {
  type        = string
  description = "The kind of machine."
  default     = "n2-standard-2"
  nullable    = false
}

variable "subnetwork" {
  type        = string
  description = "The output subnetwork of modules/network-gcp, or a subnet of yours."
}

variable "node_tag" {
  type        = string
  description = "The network tag of the nodes."
}

variable "nodes" {
  type        = number
  description = "How many nodes there are."
  default     = 3
  nullable    = false

  validation {
    condition     = var.nodes >= 1
    error_message = "There is at least one of the nodes."
  }
}

variable "user_data" {
  type        = string
  description = "The output user_data of modules/node-config."
}

variable "secret_id" {
  type        = string
  description = "The secret in Secret Manager that the nodes read at their start: its name in the project."

  validation {
    condition     = can(regex("^[0-9A-Za-z_-]{1,255}$", var.secret_id))
    error_message = "The secret_id is a name, without a path."
  }
}

variable "kms_key" {
  type        = string
  description = "The key that disks are encrypted with. Google's own where it is null."
  default     = null
}
