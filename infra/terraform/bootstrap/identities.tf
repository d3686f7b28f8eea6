# The identities of services and of Pub/Sub's pushes to them, and access to secrets. The right to create identities or to
# grant their use amounts to every identity in the project: so an owner creates them, and a deployment only names them.
data "google_project" "this" {
  project_id = var.project
}

locals {
  # The current push account and the previous one: subscriptions use the previous account until a deployment names the
  # current one, so the next generation deletes it.
  pushes = merge([for name, it in local.services : {
    for generation in [lookup(it, "push_generation", 1), lookup(it, "push_generation", 1) - 1] :
    "${name}-push${generation == 1 ? "" : generation}" => name if generation >= 1
  }]...)

  # Names that no service may have, because other accounts have them.
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

# The accounts whose tokens Pub/Sub pushes with; each may only call its service.
resource "google_service_account" "push" {
  for_each = local.pushes

  project      = var.project
  account_id   = "tipoff-${each.key}"
  display_name = "Tipoff pushes to ${each.value}"

  depends_on = [google_project_service.this]
}

# The account of operators' own Cloud Scheduler jobs that run a scraper: `source` of such an execution is SCHEDULER.
# Tipoff's own jobs publish ticks, which needs no account.
resource "google_service_account" "scheduler" {
  project      = var.project
  account_id   = "tipoff-scheduler"
  display_name = "Tipoff: Cloud Scheduler"

  depends_on = [google_project_service.this]
}

# A query is a job, and jobs belong to the project: no smaller resource can carry this role. An owner grants it, so that a
# deployment grants nothing on the project.
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
    tipoffObjectAnnotator = { title = "Tipoff object annotator", description = "Changes the metadata of objects, not their content.", permissions = ["storage.objects.update"] }
    tipoffTopicFinder     = { title = "Tipoff topic finder", description = "Checks that a topic exists, for a service's readiness.", permissions = ["pubsub.topics.get"] }
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

# OpenID tokens only: TokenCreator would also create access tokens and sign blobs.
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

# Deploying a service as an identity, or letting a subscription push with one, needs the right to act as it.
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
