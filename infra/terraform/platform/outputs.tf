output "images" {
  description = "Tag or digest of each service's image, as applied last."
  value       = var.images
}

output "services" {
  description = "URI of each service."
  value       = { for name, it in module.service : name => it.uri }
}

output "topics" {
  description = "Id of each topic."
  value       = merge({ for name, it in module.topic : name => it.id }, { (module.dead_letters.name) = module.dead_letters.id })
}

output "buckets" {
  description = "Name of each bucket."
  value       = merge({ data = module.data.name, archive = module.archive.name }, { for name, it in module.state : "state-${name}" => it.name })
}

output "ticks" {
  description = "Schedule and zone of each tick."
  value       = module.ticks.jobs
}

output "domains" {
  description = "Address that the DNS record of each domain has to name."
  value       = { for it in module.domain : it.domain => it.address }
}

output "egress_address" {
  description = "Address that sources see requests from; null without var.egress."
  value       = one([for it in module.egress : it.address])
}
