variable "name" {
  type        = string
  description = "What names begin with."
  default     = "nova"
  nullable    = false
}

variable "resource_group_name" {
  type        = string
  description = "The resource group."
}

variable "location" {
  type        = string
  description = "The location."
}

variable "zones" {
  type        = list(string)
  description = "The zones that the nodes are spread over."
  default     = ["1", "2", "3"]
  nullable    = false
}

variable "image_id" {
  type        = string
  description = "The image: one that packer/ has made, by its id."

  validation {
    condition     = can(regex("^/subscriptions/[^/]+/resourceGroups/[^/]+/providers/Microsoft.Compute/(images|galleries)/.+$", var.image_id))
    error_message = "The image_id is that of an image, or of a version in a gallery."
  }
}

variable "vm_size" {
  type        = string
  description = "The kind of machine, one that encrypts at the host."
  default     = "Standard_D2s_v5"
  nullable    = false
}

variable "subnet_id" {
  type        = string
  description = "The output subnet_id of modules/network-azure, or a subnet of yours."
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

variable "key_vault_id" {
  type        = string
  description = "The key vault with the secret that the nodes read at their start; it gives rights by Azure's roles."
}

variable "secret_name" {
  type        = string
  description = "The secret in it: the nodes may read this one alone."
}

variable "admin_ssh_public_key" {
  type        = string
  description = "The public key that Azure asks for. No port is open for it."
}

variable "tags" {
  type        = map(string)
  description = "Tags of everything that is made."
  default     = {}
  nullable    = false
}
