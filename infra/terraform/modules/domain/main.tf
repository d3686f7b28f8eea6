# A load balancer for a domain, which forwards every request to one Cloud Run service. The service authenticates callers
# as at its own address.
locals {
  managed = var.certificate == "managed"
  name    = "tipoff-${var.service}"
}

resource "google_compute_global_address" "this" {
  project = var.project
  name    = local.name
}

# Google signs it once the domain's DNS record names the address above, which takes up to an hour.
resource "google_compute_managed_ssl_certificate" "this" {
  count = local.managed ? 1 : 0

  project = var.project
  # Another domain needs another certificate. The certificate's name comes from the domain alone: a dependency on the
  # service would extend create_before_destroy to the service, and two services cannot have one name.
  name = "tipoff-${substr(sha256(var.domain), 0, 8)}"

  managed {
    domains = [var.domain]
  }

  lifecycle {
    create_before_destroy = true
  }
}

resource "google_compute_region_network_endpoint_group" "this" {
  project               = var.project
  region                = var.region
  name                  = local.name
  network_endpoint_type = "SERVERLESS"

  cloud_run {
    service = var.service
  }
}

resource "google_compute_backend_service" "this" {
  project               = var.project
  name                  = local.name
  load_balancing_scheme = "EXTERNAL_MANAGED"
  protocol              = "HTTPS"

  backend {
    group = google_compute_region_network_endpoint_group.this.id
  }

  # The proxy sends people to Google's sign-in, with an OAuth client that Google makes for the project.
  dynamic "iap" {
    for_each = var.iap_members == null ? [] : [true]

    content {
      enabled = iap.value
    }
  }
}

resource "google_iap_web_backend_service_iam_member" "this" {
  for_each = coalesce(var.iap_members, [])

  project             = var.project
  web_backend_service = google_compute_backend_service.this.name
  role                = "roles/iap.httpsResourceAccessor"
  member              = each.value
}

resource "google_compute_url_map" "this" {
  project         = var.project
  name            = local.name
  default_service = google_compute_backend_service.this.id
}

resource "google_compute_target_https_proxy" "this" {
  project          = var.project
  name             = local.name
  url_map          = google_compute_url_map.this.id
  ssl_certificates = local.managed ? [google_compute_managed_ssl_certificate.this[0].id] : [var.certificate]
}

resource "google_compute_global_forwarding_rule" "this" {
  project               = var.project
  name                  = local.name
  load_balancing_scheme = "EXTERNAL_MANAGED"
  ip_address            = google_compute_global_address.this.id
  port_range            = "443"
  target                = google_compute_target_https_proxy.this.id
}
