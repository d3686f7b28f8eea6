# Cloud Build's account and its bucket for uploaded sources. A person submits builds; CI builds with its own docker.
resource "google_service_account" "build" {
  project      = var.project
  account_id   = "tipoff-build"
  display_name = "Tipoff: Cloud Build"

  depends_on = [google_project_service.this]
}

# Its name lacks the prefix of an environment's buckets, since CI may grant access to those.
module "builds" {
  source = "../modules/bucket"

  project           = var.project
  name              = "${var.project}-builds"
  location          = var.region
  labels            = local.labels
  kms_key           = var.kms_key
  delete_after_days = { "" = 30 }
  readers           = { build = google_service_account.build.member }

  depends_on = [google_project_service.this]
}

resource "google_artifact_registry_repository_iam_member" "build" {
  project    = var.project
  location   = var.region
  repository = google_artifact_registry_repository.images.repository_id
  role       = "roles/artifactregistry.writer"
  member     = google_service_account.build.member
}

# A build's log belongs to the project.
resource "google_project_iam_member" "build" {
  project = var.project
  role    = "roles/logging.logWriter"
  member  = google_service_account.build.member
}
