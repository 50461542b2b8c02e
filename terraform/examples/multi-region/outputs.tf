output "versions" {
  description = "The versions that were handed in, by region."
  value       = { us = module.us.versions, eu = module.eu.versions }
}
