# What has to be there before an environment can be: APIs, the registry that images are pushed to, the secrets that
# services read, the identities of the services and those of CI. An owner of the project applies it, once and when it
# changes.
provider "google" {
  project = var.project
  region  = var.region
}

locals {
  apis     = yamldecode(file("${path.module}/../apis.yaml"))
  services = yamldecode(file(coalesce(var.services_file, "${path.module}/../../services.yaml"))).services
  secrets  = toset(flatten([for it in local.services : lookup(it, "secrets", [])]))
  labels   = { app = "tipoff" }
}

resource "google_project_service" "this" {
  for_each = toset(local.apis)

  project            = var.project
  service            = each.value
  disable_on_destroy = false # others in the project may use them
}

resource "google_artifact_registry_repository" "images" {
  project       = var.project
  location      = var.region
  repository_id = "tipoff"
  description   = "Images of the services, one name a service."
  format        = "DOCKER"
  labels        = local.labels

  docker_config {
    immutable_tags = true # a tag that moved is how a wrong image is deployed
  }

  # By gcloud's help none with a tag is deleted while tags are immutable.
  cleanup_policies {
    id     = "delete-old"
    action = "DELETE"
    condition {
      older_than = "7776000s"
    }
  }

  # What runs and what can be gone back to stays, however old.
  cleanup_policies {
    id     = "keep-recent"
    action = "KEEP"
    most_recent_versions {
      keep_count = 20
    }
  }

  depends_on = [google_project_service.this]
}

# Empty: values are added by people and never pass through Terraform, whose state would hold them.
resource "google_secret_manager_secret" "this" {
  for_each = local.secrets

  project   = var.project
  secret_id = each.value
  labels    = local.labels

  replication {
    auto {}
  }

  depends_on = [google_project_service.this]
}
