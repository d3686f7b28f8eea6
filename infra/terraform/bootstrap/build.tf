# What Cloud Build runs as and where it finds what is uploaded to it. A person submits builds; CI builds by its own docker.
resource "google_service_account" "build" {
  project      = var.project
  account_id   = "tipoff-build"
  display_name = "Tipoff: Cloud Build"

  depends_on = [google_project_service.this]
}

# Not named as an environment's buckets are: those CI may open.
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
