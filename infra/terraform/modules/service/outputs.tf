output "uri" {
  description = "Where the service is, and the audience of tokens for it."
  value       = local.uri
}

output "name" {
  description = "Name of the service, once it exists."
  value       = google_cloud_run_v2_service.this.name
}

output "timeout_seconds" {
  description = "Longest time of a request."
  value       = var.timeout_seconds
}
