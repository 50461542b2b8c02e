output "keys" {
  description = "The keys of the policies."
  value       = [for name, keys in consul_keys.this : "${var.prefix}/policies/${name}"]
}
