output "datacenter" {
  description = "For datacenter of ../nova."
  value       = module.platform.datacenter
}
