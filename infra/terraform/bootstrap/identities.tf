# Who services are, who Pub/Sub pushes to them as, and which secrets they read. Whoever may make an identity, or say who
# acts as it, may become any in the project: so an owner makes them, and a deployment only names them.
data "google_project" "this" {
  project_id = var.project
}

locals {
  # The account that pushes now, and the one before it: subscriptions push with that until the deployment which names the
  # new one, so it is deleted only by the generation after.
  pushes = merge([for name, it in local.services : {
    for generation in [lookup(it, "push_generation", 1), lookup(it, "push_generation", 1) - 1] :
    "${name}-push${generation == 1 ? "" : generation}" => name if generation >= 1
  }]...)

  # Accounts that no service may have the name of.
  reserved = concat(["build", "deploy", "plan", "scheduler"], keys(local.pushes))
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
      condition     = !contains(local.reserved, each.key)
      error_message = "infra/services.yaml: ${each.key}: there is another account tipoff-${each.key}, Cloud Build's, CI's, Cloud Scheduler's or one that pushes; give the service another name."
    }
  }
}

# Whose tokens Pub/Sub pushes with: an identity that may do nothing but call this service.
resource "google_service_account" "push" {
  for_each = local.pushes

  project      = var.project
  account_id   = "tipoff-${each.key}"
  display_name = "Tipoff pushes to ${each.value}"

  depends_on = [google_project_service.this]
}

# What a Cloud Scheduler job of one's own runs a scraper as: `source` of such an execution is SCHEDULER. Tipoff's own jobs
# publish ticks, which takes no account.
resource "google_service_account" "scheduler" {
  project      = var.project
  account_id   = "tipoff-scheduler"
  display_name = "Tipoff: Cloud Scheduler"

  depends_on = [google_project_service.this]
}

# A query is a job, and jobs belong to the project: the one right that no smaller resource takes. An owner gives it, so
# that a deployment grants nothing on the project.
resource "google_project_iam_member" "job_user" {
  for_each = { for name, it in local.services : name => it if lookup(it, "dataset", null) != null }

  project = var.project
  role    = "roles/bigquery.jobUser"
  member  = google_service_account.service[each.key].member
}

# Google's own roles for these also drop tables, delete objects or read every setting.
locals {
  own_roles = {
    tipoffRowAppender     = { title = "Tipoff row appender", description = "Inserts rows into tables; drops none and changes no column.", permissions = ["bigquery.tables.get", "bigquery.tables.updateData"] }
    tipoffObjectAnnotator = { title = "Tipoff object annotator", description = "Changes what an object says of itself, and not its content.", permissions = ["storage.objects.update"] }
    tipoffTopicFinder     = { title = "Tipoff topic finder", description = "Asks whether a topic is there, by which a service is ready.", permissions = ["pubsub.topics.get"] }
  }
}

resource "google_project_iam_custom_role" "own" {
  for_each = local.own_roles

  project     = var.project
  role_id     = each.key
  title       = each.value.title
  description = each.value.description
  permissions = each.value.permissions

  depends_on = [google_project_service.this]
}

# OpenID tokens and nothing else: TokenCreator would make access tokens and sign too.
resource "google_service_account_iam_member" "token_creator" {
  for_each = google_service_account.push

  service_account_id = each.value.name
  role               = "roles/iam.serviceAccountOpenIdTokenCreator"
  member             = "serviceAccount:service-${data.google_project.this.number}@gcp-sa-pubsub.iam.gserviceaccount.com"

  depends_on = [google_project_service_identity.agent]
}

resource "google_secret_manager_secret_iam_member" "accessor" {
  for_each = merge([for name, it in local.services : {
    for secret in concat(lookup(it, "secrets", []), lookup(it, "optional_secrets", [])) : "${name}/${secret}" => { service = name, secret = secret }
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
