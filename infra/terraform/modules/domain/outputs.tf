output "domain" {
  description = "The domain."
  value       = var.domain
}

output "address" {
  description = "Address that its DNS record (type A) has to name."
  value       = google_compute_global_address.this.address
}

output "iap_audience" {
  description = "Audience of Identity-Aware Proxy's assertions."
  value       = "/projects/${var.project_number}/global/backendServices/${google_compute_backend_service.this.generated_id}"
}
