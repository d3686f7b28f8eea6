mock_provider "google" {
  source          = "../../checks/mocks"
  override_during = plan
}

variables {
  project        = "my-project"
  project_number = "123456789012"
  region         = "us-central1"
  service        = "monitor"
  domain         = "tipoff.example.com"
  certificate    = "managed"
}

run "a_domain_has_a_certificate_of_google" {
  command = plan

  assert {
    condition     = google_compute_managed_ssl_certificate.this[0].managed[0].domains == tolist(["tipoff.example.com"]) && google_compute_global_forwarding_rule.this.port_range == "443"
    error_message = "HTTPS and nothing else"
  }
}

run "a_certificate_of_ones_own_is_taken" {
  command = plan

  variables {
    certificate = "projects/my-project/global/sslCertificates/mine"
  }

  assert {
    condition     = google_compute_target_https_proxy.this.ssl_certificates == tolist(["projects/my-project/global/sslCertificates/mine"]) && length(google_compute_managed_ssl_certificate.this) == 0
    error_message = "the given one"
  }
}

run "a_domain_without_a_certificate_is_refused" {
  command = plan

  variables {
    certificate = null
  }

  expect_failures = [var.certificate]
}

run "a_url_is_no_domain" {
  command = plan

  variables {
    domain = "https://tipoff.example.com"
  }

  expect_failures = [var.domain]
}

run "identity_aware_proxy_lets_in_who_is_named" {
  command = plan

  variables {
    iap_members = ["group:people@example.com"]
  }

  assert {
    condition     = google_compute_backend_service.this.iap[0].enabled && google_iap_web_backend_service_iam_member.this["group:people@example.com"].role == "roles/iap.httpsResourceAccessor"
    error_message = "the proxy, and one grant a member"
  }
}

run "everybody_is_no_member" {
  command = plan

  variables {
    iap_members = ["allAuthenticatedUsers"]
  }

  expect_failures = [var.iap_members]
}
