output "versions" {
  description = "The versions that were handed in."
  value       = module.nova.versions
}
