# The prerequisites of an environment: APIs, the image registry, the bucket of the environment's state, the dataset, the
# services' secrets, and the identities of the services and of CI. An owner of the project applies it, once and when it
# changes.
provider "google" {
  project = var.project
  region  = var.region
}

provider "google-beta" {
  project = var.project
  region  = var.region
}

# State and variables come from two options and may not match. The state records its project, and refuses any other.
resource "terraform_data" "applied_for" {
  input = var.project

  lifecycle {
    ignore_changes = [input]

    postcondition {
      condition     = self.output == var.project
      error_message = "This state is of ${self.output}, but the variables are of ${var.project}. Give the variables of that project, or its own state: terraform init -reconfigure -backend-config=bucket=${var.project}-bootstrap"
    }
  }
}

locals {
  apis     = yamldecode(file("${path.module}/../apis.yaml"))
  services = yamldecode(file(coalesce(var.services_file, "${path.module}/../../services.yaml"))).services
  secrets  = toset(flatten([for it in local.services : concat(lookup(it, "secrets", []), lookup(it, "optional_secrets", []))]))
  labels   = merge(var.labels, { app = "tipoff" })
}

resource "google_project_service" "this" {
  for_each = setunion(local.apis, var.extra_apis)

  project            = var.project
  service            = each.value
  disable_on_destroy = false # others in the project may use them

  depends_on = [terraform_data.applied_for]
}

# The service agents of Pub/Sub, Monitoring, Cloud Run and, if used, Identity-Aware Proxy: a new project has none until
# they are requested. Cloud Run's agent is granted another project's images before it has a service here.
resource "google_project_service_identity" "agent" {
  provider = google-beta
  for_each = setunion(["monitoring.googleapis.com", "pubsub.googleapis.com", "run.googleapis.com"], setintersection(var.extra_apis, ["iap.googleapis.com"]))

  project = var.project
  service = google_project_service.this[each.key].service
}

# A requested agent has no role at first. Pub/Sub's agent gets its rights on topics, subscriptions and push accounts;
# Monitoring's agent needs this role to make the tokens of its uptime checks.
resource "google_project_iam_member" "monitoring_agent" {
  project = var.project
  role    = "roles/monitoring.notificationServiceAgent"
  member  = "serviceAccount:service-${data.google_project.this.number}@gcp-sa-monitoring-notification.iam.gserviceaccount.com"

  depends_on = [google_project_service_identity.agent]
}

# Cloud Run's agent needs this role to start services.
resource "google_project_iam_member" "run_agent" {
  # checkov:skip=CKV_GCP_49: the agent is Google's own; Google grants it this role if it makes the agent itself
  project = var.project
  role    = "roles/run.serviceAgent"
  member  = "serviceAccount:service-${data.google_project.this.number}@serverless-robot-prod.iam.gserviceaccount.com"

  depends_on = [google_project_service_identity.agent]
}

# Bucket of the environments' state. CI's rights on it have no condition: under a condition, the first read of a missing
# state would give 403 and not 404. The state of bootstrap, which an owner keeps, is in another bucket.
module "state" {
  source = "../modules/bucket"

  project          = var.project
  name             = "${var.project}-tfstate"
  location         = var.region
  labels           = local.labels
  kms_key          = var.kms_key
  versioned        = true
  soft_delete_days = 30
  writers          = { for name, it in google_service_account.ci : name => it.member if name == "deploy" }
  readers          = { for name, it in google_service_account.ci : name => it.member if name == "plan" }

  depends_on = [google_project_service.this]
}

# `tipoff tables deploy` creates its tables. An owner keeps the dataset, so that no deployment deletes or moves it.
resource "google_bigquery_dataset" "this" {
  project                    = var.project
  dataset_id                 = var.dataset
  location                   = var.dataset_location
  description                = "Tipoff's decisions, executions, expected runs and findings; rows are kept 90 days."
  labels                     = local.labels
  delete_contents_on_destroy = false

  dynamic "default_encryption_configuration" {
    for_each = var.dataset_kms_key == null ? [] : [var.dataset_kms_key]

    content {
      kms_key_name = default_encryption_configuration.value
    }
  }

  lifecycle {
    prevent_destroy = true # a changed location or key would replace the dataset, without its rows
  }

  depends_on = [google_project_service.this]
}

# A registry keeps its first key: with another, Terraform would replace the registry, without its images.
resource "terraform_data" "registry_key" {
  input = coalesce(var.kms_key, "Google's own")

  lifecycle {
    ignore_changes = [input]

    postcondition {
      condition     = self.output == coalesce(var.kms_key, "Google's own")
      error_message = "kms_key: the registry was created with ${self.output} and cannot use another key; all images would be lost. Give the former value, or start a new project with the new one."
    }
  }
}

resource "google_artifact_registry_repository" "images" {
  project       = var.project
  location      = var.region
  repository_id = "tipoff"
  kms_key_name  = var.kms_key
  description   = "Images of the services, one name a service."
  format        = "DOCKER"
  labels        = local.labels

  docker_config {
    immutable_tags = true # a moved tag would deploy a wrong image
  }

  # According to gcloud's help, no tagged image is deleted while tags are immutable.
  cleanup_policies {
    id     = "delete-old"
    action = "DELETE"
    condition {
      older_than = "7776000s"
    }
  }

  # Keep the running images and those for a rollback, however old.
  cleanup_policies {
    id     = "keep-recent"
    action = "KEEP"
    most_recent_versions {
      keep_count = 20
    }
  }

  depends_on = [google_project_service.this, terraform_data.registry_key]
}

# Empty: values are added by people and never pass through Terraform, whose state would hold them.
resource "google_secret_manager_secret" "this" {
  for_each = local.secrets

  project   = var.project
  secret_id = each.value
  labels    = local.labels

  replication {
    auto {
      dynamic "customer_managed_encryption" {
        for_each = var.secrets_kms_key == null ? [] : [var.secrets_kms_key]

        content {
          kms_key_name = customer_managed_encryption.value
        }
      }
    }
  }

  depends_on = [google_project_service.this]
}
