# CI authenticates with GitHub's own token, whose subject names the repository and the kind of job; there is no key to
# leak.
locals {
  # GitHub's token subjects; newer repositories have their ids in them. A job with an environment has the first subject,
  # and the environment's protection rules apply to it; a pull request's job without an environment has the second; a
  # scheduled job, which checks for drift, has the third.
  subjects = var.ci == null ? {} : {
    deploy = { account = "deploy", subject = "repo:${var.ci.repository}:environment:${var.ci.environment}" }
    plan   = { account = "plan", subject = "repo:${var.ci.repository}:pull_request" }
    drift  = { account = "plan", subject = "repo:${var.ci.repository}:ref:refs/heads/main" }
  }
  accounts = toset([for it in local.subjects : it.account])

  # The permissions that Terraform uses, and no others. They are granted on the project, because most resources do not
  # exist yet; rights on images, state and identities are granted on those themselves. The deployer changes no identity,
  # secret or role, nor access to them: that would amount to every right in the project.
  deployer_permissions = concat(
    [for verb in ["create", "delete", "get", "getIamPolicy", "list", "setIamPolicy", "update"] : "run.services.${verb}"],
    ["run.operations.get"],
    [for verb in ["attachSubscription", "create", "delete", "get", "getIamPolicy", "list", "setIamPolicy", "update"] : "pubsub.topics.${verb}"],
    [for verb in ["create", "delete", "get", "getIamPolicy", "list", "setIamPolicy", "update"] : "pubsub.subscriptions.${verb}"],
    # `tipoff tables deploy` makes tables, views and functions and adds columns; nothing deletes a table.
    [for verb in ["create", "get", "getIamPolicy", "setIamPolicy", "update"] : "bigquery.datasets.${verb}"],
    [for verb in ["create", "get", "getData", "list", "update"] : "bigquery.tables.${verb}"],
    [for verb in ["create", "get", "list", "update"] : "bigquery.routines.${verb}"],
    [for verb in ["create", "get", "getIamPolicy", "list"] : "storage.buckets.${verb}"],
    # With get alone a job is read without its payload, and every plan would write it again.
    [for verb in ["create", "delete", "enable", "fullView", "get", "list", "pause", "update"] : "cloudscheduler.jobs.${verb}"],
    ["iam.serviceAccounts.list", "secretmanager.versions.get"], # make deploy checks first that they exist
    [for verb in ["create", "delete", "get", "list", "update"] : "monitoring.alertPolicies.${verb}"],
    [for verb in ["create", "delete", "get", "list", "update"] : "monitoring.notificationChannels.${verb}"],
    [for verb in ["create", "delete", "get", "list", "update"] : "monitoring.uptimeCheckConfigs.${verb}"],
    [for verb in ["create", "delete", "get", "list", "update"] : "logging.logMetrics.${verb}"],
    [for verb in ["get", "list", "update"] : "logging.buckets.${verb}"],
    ["resourcemanager.projects.get"],
    ["bigquery.jobs.create", "pubsub.topics.publish"], # the smoke test publishes events and reads their rows
    ["serviceusage.services.get", "serviceusage.services.list", "serviceusage.services.use"],
    # Domains and a static address, if their API is enabled.
    contains(var.extra_apis, "compute.googleapis.com") ? local.network_permissions : [],
    contains(var.extra_apis, "iap.googleapis.com") ? ["iap.webServices.getIamPolicy", "iap.webServices.setIamPolicy"] : [],
  )

  network_permissions = concat(
    flatten([for kind in ["addresses", "globalAddresses", "networks", "routers", "subnetworks", "sslCertificates", "backendServices", "urlMaps", "targetHttpsProxies", "globalForwardingRules", "regionNetworkEndpointGroups"] :
      [for verb in ["create", "delete", "get", "list", "use"] : "compute.${kind}.${verb}" if verb != "use" || !contains(["routers", "globalForwardingRules"], kind)]
    ]),
    # The provider labels these by a separate call after creation.
    [for kind in ["addresses", "globalAddresses", "globalForwardingRules"] : "compute.${kind}.setLabels"],
    ["compute.networks.updatePolicy", "compute.routers.update", "compute.backendServices.update", "compute.urlMaps.update", "compute.targetHttpsProxies.setSslCertificates", "compute.targetHttpsProxies.setUrlMap", "compute.globalOperations.get", "compute.regionOperations.get", "compute.projects.get"],
  )

  roles = {
    deploy = { id = "tipoffDeployer", title = "Tipoff deployer", permissions = local.deployer_permissions }
    # The deployer's read permissions: no row, no object, no value of a secret. services.use is needed because the
    # environments' provider sets a quota project.
    plan = { id = "tipoffPlanner", title = "Tipoff planner", permissions = [for it in local.deployer_permissions : it if can(regex("[.](fullView|get|getIamPolicy|list)$|^serviceusage[.]services[.]use$", it))] }
  }
}

resource "google_service_account" "ci" {
  for_each = local.accounts

  project      = var.project
  account_id   = "tipoff-${each.key}"
  display_name = "Tipoff: CI, ${each.key}"

  depends_on = [google_project_service.this]
}

resource "google_iam_workload_identity_pool" "ci" {
  count = var.ci == null ? 0 : 1

  project                   = var.project
  workload_identity_pool_id = "tipoff-ci"
  display_name              = "Tipoff CI"

  depends_on = [google_project_service.this]
}

resource "google_iam_workload_identity_pool_provider" "github" {
  # checkov:skip=CKV_GCP_125: checkov reads the condition before interpolation; a test of this folder checks it after
  for_each = local.subjects

  project                            = var.project
  workload_identity_pool_id          = google_iam_workload_identity_pool.ci[0].workload_identity_pool_id
  workload_identity_pool_provider_id = "github-${each.key}"
  display_name                       = "GitHub Actions, ${each.key}"
  attribute_mapping                  = { "google.subject" = "assertion.sub" }
  attribute_condition                = "assertion.sub == \"${each.value.subject}\""

  oidc {
    issuer_uri = "https://token.actions.githubusercontent.com"
  }
}

resource "google_service_account_iam_member" "ci" {
  for_each = local.subjects

  service_account_id = google_service_account.ci[each.value.account].name
  role               = "roles/iam.workloadIdentityUser"
  member             = "principal://iam.googleapis.com/${google_iam_workload_identity_pool.ci[0].name}/subject/${each.value.subject}"
}

resource "google_artifact_registry_repository_iam_member" "ci" {
  for_each = local.accounts

  project    = var.project
  location   = var.region
  repository = google_artifact_registry_repository.images.repository_id
  role       = each.key == "deploy" ? "roles/artifactregistry.writer" : "roles/artifactregistry.reader"
  member     = google_service_account.ci[each.key].member
}

resource "google_project_iam_custom_role" "ci" {
  for_each = local.accounts

  project     = var.project
  role_id     = local.roles[each.key].id
  title       = local.roles[each.key].title
  description = "The permissions that Terraform uses for Tipoff's resources, and no others."
  permissions = local.roles[each.key].permissions

  depends_on = [google_project_service.this]
}

resource "google_project_iam_member" "ci" {
  for_each = local.accounts

  project = var.project
  role    = "projects/${var.project}/roles/${google_project_iam_custom_role.ci[each.key].role_id}"
  member  = google_service_account.ci[each.key].member
}

# Only an environment's own buckets, not the bucket of Terraform's state.
resource "google_project_iam_custom_role" "buckets" {
  count = var.ci == null ? 0 : 1

  project     = var.project
  role_id     = "tipoffDeployerBuckets"
  title       = "Tipoff deployer, buckets"
  description = "Changes buckets and their IAM policies."
  permissions = ["storage.buckets.setIamPolicy", "storage.buckets.update"]

  depends_on = [google_project_service.this]
}

resource "google_project_iam_member" "buckets" {
  count = var.ci == null ? 0 : 1

  project = var.project
  role    = "projects/${var.project}/roles/${google_project_iam_custom_role.buckets[0].role_id}"
  member  = google_service_account.ci["deploy"].member

  condition {
    title       = "own-buckets"
    description = "Buckets of Tipoff, and not that of Terraform's state"
    expression  = "resource.type == \"storage.googleapis.com/Bucket\" && resource.name.startsWith(\"projects/_/buckets/${var.project}-tipoff-\")"
  }
}

# Images are tried in one environment and run in others: Cloud Run's agent of each other project pulls them from here, and
# its CI reads their digests.
resource "google_artifact_registry_repository_iam_member" "promoted" {
  for_each = merge([for project, number in var.promoted_to : merge(
    { "${project}/run" = "service-${number}@serverless-robot-prod.iam.gserviceaccount.com" },
    var.ci == null ? {} : { for it in ["deploy", "plan"] : "${project}/${it}" => "tipoff-${it}@${project}.iam.gserviceaccount.com" },
  )]...)

  project    = var.project
  location   = var.region
  repository = google_artifact_registry_repository.images.repository_id
  role       = "roles/artifactregistry.reader"
  member     = "serviceAccount:${each.value}"
}
