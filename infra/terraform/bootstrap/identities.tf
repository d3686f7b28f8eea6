# Who services are, who Pub/Sub pushes to them as, and which secrets they read. Whoever may make an identity, or say who
# acts as it, may become any in the project: so an owner makes them, and a deployment only names them.
data "google_project" "this" {
  project_id = var.project
}

locals {
  pushes = { for name, it in local.services : name => "${name}-push${lookup(it, "push_generation", "")}" }
}

resource "google_service_account" "service" {
  for_each = local.services

  project      = var.project
  account_id   = "tipoff-${each.key}"
  display_name = "Tipoff ${each.key}"
  description  = lookup(each.value, "description", null)

  depends_on = [google_project_service.this]

  lifecycle {
    precondition {
      condition     = !contains(concat(["build", "deploy", "plan"], values(local.pushes)), each.key)
      error_message = "infra/services.yaml: ${each.key}: there is another account tipoff-${each.key}, Cloud Build's, CI's or one that pushes; give the service another name."
    }
  }
}

# Whose tokens Pub/Sub pushes with: an identity that may do nothing but call this service.
resource "google_service_account" "push" {
  for_each = local.services

  project      = var.project
  account_id   = "tipoff-${local.pushes[each.key]}"
  display_name = "Tipoff pushes to ${each.key}"

  depends_on = [google_project_service.this]
}

resource "google_service_account_iam_member" "token_creator" {
  for_each = google_service_account.push

  service_account_id = each.value.name
  role               = "roles/iam.serviceAccountTokenCreator"
  member             = "serviceAccount:service-${data.google_project.this.number}@gcp-sa-pubsub.iam.gserviceaccount.com"
}

resource "google_secret_manager_secret_iam_member" "accessor" {
  for_each = merge([for name, it in local.services : {
    for secret in lookup(it, "secrets", []) : "${name}/${secret}" => { service = name, secret = secret }
  }]...)

  project   = var.project
  secret_id = google_secret_manager_secret.this[each.value.secret].secret_id
  role      = "roles/secretmanager.secretAccessor"
  member    = google_service_account.service[each.value.service].member
}

# To deploy a service as an identity, and to have a subscription push with one, takes the right to act as it.
resource "google_service_account_iam_member" "service_deployer" {
  for_each = var.ci == null ? {} : google_service_account.service

  service_account_id = each.value.name
  role               = "roles/iam.serviceAccountUser"
  member             = google_service_account.ci["deploy"].member
}

resource "google_service_account_iam_member" "push_deployer" {
  for_each = var.ci == null ? {} : google_service_account.push

  service_account_id = each.value.name
  role               = "roles/iam.serviceAccountUser"
  member             = google_service_account.ci["deploy"].member
}
