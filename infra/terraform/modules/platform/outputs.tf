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

output "dataset" {
  description = "Name of the dataset."
  value       = module.dataset.dataset_id
}

output "ticks" {
  description = "Schedule and zone of each tick."
  value       = module.ticks.jobs
}
