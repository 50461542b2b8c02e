# Nothing here changes while the agent promotes a version or takes it back: an output that did would make each plan say so.

output "job" {
  description = "The job."
  value       = nomad_job.this.name
}

output "namespace" {
  description = "The namespace of the job."
  value       = var.namespace
}

output "nova_version" {
  description = "The version that was handed in. Which one serves is told by the catalog and by nova-agent."
  value       = var.nova_version
}
