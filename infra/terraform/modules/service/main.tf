locals {
  # Cloud Run's deterministic URI, which the service gets as the audience of tokens. The resource's uri attribute is
  # known only when the service exists.
  uri = "https://${var.name}-${var.project_number}.${var.region}.run.app"
  environment = merge(var.environment, {
    TIPOFF_AUDIENCE             = local.uri
    TIPOFF_PUSH_SERVICE_ACCOUNT = var.push_service_account

    # True as long as invoker_iam_disabled is not: docs/adr/0014-both-ask-who-calls.md.
    TIPOFF_CLOUD_RUN_CHECKS_SIGNATURES = "true"
  }, var.domain == null ? {} : { TIPOFF_EXTRA_AUDIENCES = jsonencode(["https://${var.domain}"]) })
}

# The number of the latest version, so that a new value makes a new revision; the value itself stays out of the state. A
# secret without a version stops the plan here. `make deploy` checks that the version is enabled: this data source does
# not.
data "google_secret_manager_secret_version" "latest" {
  for_each = var.secrets

  project           = var.project
  secret            = each.value
  fetch_secret_data = false
}

resource "google_cloud_run_v2_service" "this" {
  project             = var.project
  location            = var.region
  name                = var.name
  description         = var.description
  ingress             = var.ingress == "all" ? "INGRESS_TRAFFIC_ALL" : "INGRESS_TRAFFIC_INTERNAL_ONLY"
  deletion_protection = var.deletion_protection
  labels              = var.labels
  custom_audiences    = var.domain == null ? null : ["https://${var.domain}"]

  template {
    service_account                  = var.service_account
    timeout                          = "${var.timeout_seconds}s"
    max_instance_request_concurrency = var.concurrency
    execution_environment            = "EXECUTION_ENVIRONMENT_GEN2"

    encryption_key = var.kms_key

    dynamic "vpc_access" {
      for_each = var.network == null ? [] : [var.network]

      content {
        egress = "ALL_TRAFFIC" # else calls to public addresses bypass the network, from a changing address

        network_interfaces {
          network    = vpc_access.value.network
          subnetwork = vpc_access.value.subnetwork
        }
      }
    }

    scaling {
      min_instance_count = var.min_instances
      max_instance_count = var.max_instances
    }

    containers {
      image = var.image

      resources {
        limits = {
          cpu    = var.cpu
          memory = var.memory
        }
        cpu_idle          = true # no work after the answer, so CPU is billed during requests only
        startup_cpu_boost = true
      }

      ports {
        container_port = 8080
      }

      dynamic "env" {
        for_each = local.environment

        content {
          name  = env.key
          value = env.value
        }
      }

      dynamic "env" {
        for_each = var.secrets

        content {
          name = env.value
          value_source {
            secret_key_ref {
              secret  = env.value
              version = data.google_secret_manager_secret_version.latest[env.value].version # a new value makes a new revision
            }
          }
        }
      }

      startup_probe {
        period_seconds    = 2
        timeout_seconds   = 2
        failure_threshold = 30

        http_get {
          path = "/health"
        }
      }

      # Checks only that the process answers: a restart would not help against an unavailable bucket.
      liveness_probe {
        period_seconds    = 30
        timeout_seconds   = 5
        failure_threshold = 4

        http_get {
          path = "/health"
        }
      }
    }
  }

  # Explicit, because Terraform keeps an undeclared traffic split: a deployment would not end a manual switch to an older
  # revision.
  traffic {
    type    = "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST"
    percent = 100
  }
}

# Cloud Run admits only these callers; the service then checks the token for the caller's rights:
# docs/adr/0014-both-ask-who-calls.md.
resource "google_cloud_run_v2_service_iam_member" "push" {
  project  = var.project
  location = var.region
  name     = google_cloud_run_v2_service.this.name
  role     = "roles/run.invoker"
  member   = "serviceAccount:${var.push_service_account}"

  # A new account gets access before the subscriptions push with it.
  lifecycle {
    create_before_destroy = true
  }
}

resource "google_cloud_run_v2_service_iam_member" "invoker" {
  for_each = var.invokers

  project  = var.project
  location = var.region
  name     = google_cloud_run_v2_service.this.name
  role     = "roles/run.invoker"
  member   = each.value
}
