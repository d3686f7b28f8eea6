# An environment: everything of one project that bootstrap does not make. Environments differ only in their variables,
# environments/ENV/platform.tfvars.
provider "google" {
  project = var.project
  region  = var.region

  # Budgets belong to a billing account; a person's calls about them are counted against this project.
  billing_project       = var.project
  user_project_override = true
}

data "google_project" "this" {
  project_id = var.project
}

# State and variables come from two options and may not match. The state records its project and environment, and refuses
# any other.
resource "terraform_data" "applied_for" {
  input = { project = var.project, environment = var.environment }

  lifecycle {
    ignore_changes = [input]

    postcondition {
      condition     = self.output.project == var.project && self.output.environment == var.environment
      error_message = "This state is of ${self.output.environment} in ${self.output.project}, but the variables are of ${var.environment} in ${var.project}. Give the variables of that environment, or its own state: terraform init -reconfigure -backend-config=bucket=${var.project}-tfstate"
    }
  }
}

locals {
  number           = data.google_project.this.number
  pubsub_agent     = "serviceAccount:service-${local.number}@gcp-sa-pubsub.iam.gserviceaccount.com"
  monitoring_agent = "serviceAccount:service-${local.number}@gcp-sa-monitoring-notification.iam.gserviceaccount.com"
  labels           = merge(var.labels, { app = "tipoff", environment = var.environment })
  registry         = "${var.region}-docker.pkg.dev/${coalesce(var.image_project, var.project)}/tipoff"

  # Bootstrap makes the accounts: a deployment may use these, and make none.
  account               = { for name in concat(keys(local.services), ["scheduler"]) : name => "tipoff-${name}@${var.project}.iam.gserviceaccount.com" }
  push_service_accounts = { for name, it in local.services : name => "tipoff-${name}-push${it.push_generation}@${var.project}.iam.gserviceaccount.com" }
  member                = { for name, email in local.account : name => "serviceAccount:${email}" }

  uri = { for name in keys(local.services) : name => "https://${name}-${local.number}.${var.region}.run.app" }

  # Services that call the controller on behalf of a person: the console.
  askers = [for name, it in local.services : name if contains(it.computed, "TIPOFF_CONTROLLER_URL")]

  # Callers of a service beside Pub/Sub: the invokers; viewers, for the monitor; the console, for the controller; and
  # Cloud Scheduler's account for services that accept it, so that operators' own jobs may run a scraper.
  invokers = { for name, it in local.services : name => concat(
    sort(var.invokers),
    contains(it.computed, "TIPOFF_VIEWERS") ? sort(setsubtract(var.viewers, var.invokers)) : [],
    name == "controller" ? [for asker in local.askers : local.member[asker]] : [],
    contains(it.computed, "TIPOFF_SCHEDULER_SERVICE_ACCOUNT") ? [local.member.scheduler] : [],
  ) }

  # Computed values; a service lists the names that it needs under `computed` in infra/services.yaml.
  computed = {
    TIPOFF_ARCHIVE_BUCKET            = { for name, it in local.services : name => module.archive.name }
    TIPOFF_CONSOLE_URL               = { for name, it in local.services : name => try("https://${var.domains[name].domain}", local.uri[name]) }
    TIPOFF_CONTROLLER_URL            = { for name, it in local.services : name => local.uri["controller"] }
    TIPOFF_INVOKERS                  = { for name, it in local.services : name => jsonencode(concat([for member in sort(var.invokers) : split(":", member)[1]], name == "controller" ? [for asker in local.askers : local.account[asker]] : [])) }
    TIPOFF_MAX_INSTANCES             = { for name, it in local.services : name => tostring(it.max_instances) }
    TIPOFF_SCHEDULER_SERVICE_ACCOUNT = { for name, it in local.services : name => local.account.scheduler }
    TIPOFF_VIEWERS                   = { for name, it in local.services : name => jsonencode([for member in sort(var.viewers) : split(":", member)[1]]) }
  }
}

# One collector for all: a trace that misses a service breaks there. OpenTelemetry's own variable; without it nothing is
# exported and the SDK is not loaded.
locals {
  telemetry = var.otlp_endpoint == null ? {} : { OTEL_EXPORTER_OTLP_ENDPOINT = var.otlp_endpoint }
}

module "service" {
  source   = "../modules/service"
  for_each = local.services

  project             = var.project
  project_number      = local.number
  region              = var.region
  name                = each.key
  description         = each.value.description
  image               = "${local.registry}/${each.key}${startswith(lookup(var.images, each.key, ""), "sha256:") ? "@" : ":"}${lookup(var.images, each.key, "missing")}"
  ingress             = each.value.ingress
  timeout_seconds     = each.value.timeout_seconds
  cpu                 = each.value.cpu
  memory              = each.value.memory
  concurrency         = each.value.concurrency
  min_instances       = lookup(each.value, "min_instances", 0)
  max_instances       = each.value.max_instances
  secrets             = toset(concat(each.value.secrets, [for it in each.value.optional_secrets : it if contains(var.enabled_secrets, it)]))
  invokers            = each.value.ingress == "all" ? { for member in local.invokers[each.key] : member => member } : {}
  domain              = try(var.domains[each.key].domain, null)
  network             = var.egress != null && contains(try(var.egress.services, []), each.key) ? one(module.egress).network : null
  kms_key             = var.kms_key
  labels              = local.labels
  deletion_protection = var.deletion_protection

  service_account      = local.account[each.key]
  push_service_account = local.push_service_accounts[each.key]

  environment = merge(
    {
      TIPOFF_ENVIRONMENT  = var.environment
      TIPOFF_PROJECT      = var.project
      TIPOFF_DATASET      = var.dataset
      TIPOFF_TIMEZONE     = var.timezone
      TIPOFF_DATA_BUCKET  = module.data.name
      TIPOFF_STATE_BUCKET = module.state[each.key].name
      TIPOFF_CONCURRENCY  = tostring(each.value.concurrency) # as many threads and connections as requests
    },
    local.telemetry,
    each.value.settings,
    { for variable in each.value.computed : variable => local.computed[variable][each.key] if variable != "TIPOFF_IAP_AUDIENCE" },
    try(var.domains[each.key].iap, null) == null ? {} : { TIPOFF_IAP_AUDIENCE = module.domain[each.key].iap_audience },
  )

  depends_on = [terraform_data.applied_for]
}

module "domain" {
  source   = "../modules/domain"
  for_each = var.domains

  project        = var.project
  project_number = local.number
  region         = var.region
  # The plain name, no reference: the service depends on the load balancer, whose backend number it gets.
  service     = each.key
  domain      = each.value.domain
  certificate = each.value.certificate
  iap_members = each.value.iap
}

# Identity-Aware Proxy calls the service as its own account, with the person's identity in a header that it signs.
resource "google_cloud_run_v2_service_iam_member" "iap" {
  for_each = { for name, it in var.domains : name => it if it.iap != null }

  project  = var.project
  location = var.region
  name     = module.service[each.key].name
  role     = "roles/run.invoker"
  member   = "serviceAccount:service-${local.number}@gcp-sa-iap.iam.gserviceaccount.com"
}

module "egress" {
  source = "../modules/egress"
  count  = var.egress == null ? 0 : 1

  project = var.project
  region  = var.region
  range   = var.egress.range
}
