# What the provider would compute or read; tests need no project.
mock_data "google_project" {
  defaults = { number = "123456789012" }
}

mock_data "google_secret_manager_secret_version" {
  defaults = { enabled = true, version = "7" }
}

mock_resource "google_service_account" {
  defaults = {
    name   = "projects/my-project/serviceAccounts/mocked@my-project.iam.gserviceaccount.com"
    email  = "mocked@my-project.iam.gserviceaccount.com"
    member = "serviceAccount:mocked@my-project.iam.gserviceaccount.com"
  }
}

mock_resource "google_iam_workload_identity_pool" {
  defaults = { name = "projects/123456789012/locations/global/workloadIdentityPools/tipoff-ci" }
}

mock_resource "google_monitoring_notification_channel" {
  defaults = { verification_status = "VERIFIED" }
}
