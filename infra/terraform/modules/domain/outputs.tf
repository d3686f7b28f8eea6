output "domain" {
  description = "The domain."
  value       = var.domain
}

output "address" {
  description = "Address that its DNS record (type A) has to name."
  value       = google_compute_global_address.this.address
}
