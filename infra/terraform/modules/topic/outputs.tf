output "id" {
  description = "projects/P/topics/T, known when planning."
  value       = local.id
}

output "name" {
  description = "Name of the topic."
  value       = google_pubsub_topic.this.name
}

output "subscriptions" {
  description = "Names of the subscriptions."
  value       = sort(keys(google_pubsub_subscription.push))
}
