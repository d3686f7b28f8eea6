# A network whose outgoing calls leave from one address, for sources with an address allowlist.
resource "google_compute_network" "this" {
  # checkov:skip=CKV2_GCP_18: without a rule nothing comes in, and nothing in it listens
  project                 = var.project
  name                    = "tipoff"
  auto_create_subnetworks = false
}

# Each instance of a service takes up to two addresses of the range while revisions change.
resource "google_compute_subnetwork" "this" {
  project                  = var.project
  region                   = var.region
  name                     = "tipoff"
  network                  = google_compute_network.this.id
  ip_cidr_range            = var.range
  private_ip_google_access = true # Google's APIs are called without leaving through the NAT

  log_config {
    aggregation_interval = "INTERVAL_10_MIN"
    flow_sampling        = 0.1
  }
}

resource "google_compute_address" "this" {
  project = var.project
  region  = var.region
  name    = "tipoff-egress"
}

resource "google_compute_router" "this" {
  project = var.project
  region  = var.region
  name    = "tipoff"
  network = google_compute_network.this.id
}

resource "google_compute_router_nat" "this" {
  project                            = var.project
  region                             = var.region
  router                             = google_compute_router.this.name
  name                               = "tipoff"
  nat_ip_allocate_option             = "MANUAL_ONLY"
  nat_ips                            = [google_compute_address.this.id]
  source_subnetwork_ip_ranges_to_nat = "LIST_OF_SUBNETWORKS"

  subnetwork {
    name                    = google_compute_subnetwork.this.id
    source_ip_ranges_to_nat = ["ALL_IP_RANGES"]
  }
}
