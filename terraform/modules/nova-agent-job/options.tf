# What Terraform does with the job, beside the job's own variables in variables.tf.

variable "preserve_counts" {
  type        = bool
  description = "Whether the number of instances that runs is kept where the job is there already: for those who let an autoscaler change it."
  default     = false
  nullable    = false
}

variable "purge_on_destroy" {
  type        = bool
  description = "Whether a destroy takes the job out of Nomad's records too, and not only stops it."
  default     = false
  nullable    = false
}
