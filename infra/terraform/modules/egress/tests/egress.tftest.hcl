mock_provider "google" {
  source          = "../../checks/mocks"
  override_during = plan
}

variables {
  project = "my-project"
  region  = "us-central1"
  range   = "10.8.0.0/26"
}

run "all_calls_leave_from_one_address" {
  command = plan

  assert {
    condition     = google_compute_router_nat.this.nat_ip_allocate_option == "MANUAL_ONLY" && length(google_compute_router_nat.this.nat_ips) == 1
    error_message = "the reserved address and no other"
  }
  assert {
    condition     = google_compute_subnetwork.this.private_ip_google_access
    error_message = "Google's own APIs are not called through the NAT"
  }
}

run "a_range_that_cloud_run_refuses_is_refused" {
  command = plan

  variables {
    range = "10.8.0.0/28"
  }

  expect_failures = [var.range]
}
