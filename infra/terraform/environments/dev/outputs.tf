output "services" {
  description = "URI of each service."
  value       = module.platform.services
}

output "buckets" {
  description = "Name of each bucket."
  value       = module.platform.buckets
}
