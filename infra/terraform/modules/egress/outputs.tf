output "network" {
  description = "Network and subnetwork of a service's egress, once the NAT exists."
  value       = { network = google_compute_network.this.id, subnetwork = google_compute_subnetwork.this.id }

  depends_on = [google_compute_router_nat.this]
}

output "address" {
  description = "Address that sources see."
  value       = google_compute_address.this.address
}
