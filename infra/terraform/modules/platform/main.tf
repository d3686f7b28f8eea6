data "google_project" "this" {
  project_id = var.project
}

locals {
  number           = data.google_project.this.number
  pubsub_agent     = "serviceAccount:service-${local.number}@gcp-sa-pubsub.iam.gserviceaccount.com"
  monitoring_agent = "serviceAccount:service-${local.number}@gcp-sa-monitoring-notification.iam.gserviceaccount.com"
  labels           = { app = "tipoff", environment = var.environment }
  registry         = "${var.region}-docker.pkg.dev/${var.project}/tipoff"
  buckets          = { for it in ["data", "archive"] : it => "${var.project}-tipoff-${it}" }

  # Bootstrap makes them: a deployment may use these, and make none.
  service_accounts      = { for name in keys(local.services) : name => "tipoff-${name}@${var.project}.iam.gserviceaccount.com" }
  push_service_accounts = { for name, it in local.services : name => "tipoff-${name}-push${it.push_generation}@${var.project}.iam.gserviceaccount.com" }

  max_instances = { for name, it in local.services : name => coalesce(try(var.scaling[name].max, null), it.max_instances) }

  # Values that are worked out here; a service asks for them under `computed` in infra/services.yaml.
  computed = {
    TIPOFF_ARCHIVE_BUCKET = { for name, it in local.services : name => local.buckets.archive }
    TIPOFF_INVOKERS       = { for name, it in local.services : name => jsonencode([for member in var.invokers : split(":", member)[1]]) }
    TIPOFF_MAX_INSTANCES  = { for name, it in local.services : name => tostring(local.max_instances[name]) }
  }
}

module "service" {
  source   = "../service"
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
  min_instances       = coalesce(try(var.scaling[each.key].min, null), 0)
  max_instances       = local.max_instances[each.key]
  secrets             = toset(each.value.secrets)
  invokers            = each.value.ingress == "all" ? { for member in var.invokers : member => member } : {}
  labels              = local.labels
  deletion_protection = var.deletion_protection

  service_account      = local.service_accounts[each.key]
  push_service_account = local.push_service_accounts[each.key]

  environment = merge(
    {
      TIPOFF_ENVIRONMENT  = var.environment
      TIPOFF_PROJECT      = var.project
      TIPOFF_DATA_BUCKET  = local.buckets.data
      TIPOFF_STATE_BUCKET = module.state[each.key].name
    },
    each.value.settings,
    { for variable in each.value.computed : variable => local.computed[variable][each.key] if contains(keys(local.computed), variable) },
  )
}

locals {
  member = { for name, email in local.service_accounts : name => "serviceAccount:${email}" }

  pushes = { for name, it in local.subscriptions : name => {
    topic                = it.topic
    service_uri          = module.service[it.service].uri
    push_service_account = local.push_service_accounts[it.service]
    timeout_seconds      = module.service[it.service].timeout_seconds
    ack_deadline_seconds = lookup(it, "ack_deadline_seconds", 60)
    filter               = lookup(it, "filter", "")
  } if contains(keys(local.services), it.service) }

  # Any service publishes what it has to reject to dead-letters.
  publishers = { for topic in keys(local.topics.topics) : topic => merge(
    { for name, it in local.services : name => local.member[name] if topic == local.dead_letter_topic || contains(it.publishes, topic) },
    topic == local.receipts_topic ? { for member in var.phase2_members : member => member } : {},
  ) }
}

module "dead_letters" {
  source = "../topic"

  project            = var.project
  name               = local.dead_letter_topic
  labels             = local.labels
  pubsub_agent       = local.pubsub_agent
  takes_dead_letters = true
  retry              = local.topics.retry
  publishers         = local.publishers[local.dead_letter_topic]
  viewers            = local.member
  subscriptions      = { for name, it in local.pushes : name => it if it.topic == local.dead_letter_topic }
}

module "topic" {
  source   = "../topic"
  for_each = { for name, it in local.topics.topics : name => it if name != local.dead_letter_topic }

  project               = var.project
  name                  = each.key
  labels                = local.labels
  pubsub_agent          = local.pubsub_agent
  dead_letter_topic     = module.dead_letters.id
  max_delivery_attempts = local.topics.max_delivery_attempts
  retry                 = local.topics.retry
  publishers            = local.publishers[each.key]
  viewers               = local.member
  subscribers           = lookup(each.value, "subscribed_outside", false) ? { for member in var.phase2_members : member => member } : {}
  subscriptions         = { for name, it in local.pushes : name => it if it.topic == each.key }
}

module "ticks" {
  source = "../ticks"

  project = var.project
  region  = var.region
  topic   = try(module.topic[local.tick_topic].id, "missing")
  ticks   = local.ticks
  paused  = var.paused
}

module "data" {
  source = "../bucket"

  project                  = var.project
  name                     = local.buckets.data
  location                 = var.region
  labels                   = local.labels
  storage_class_after_days = { NEARLINE = 90 }
  delete_after_days        = { "journal/" = 60 } # what was written when; read within the hour
  writers                  = { for name, it in local.services : name => local.member[name] if it.data == "write" }
  readers = merge(
    { for name, it in local.services : name => local.member[name] if it.data == "read" },
    { for member in var.phase2_members : member => member },
  )
}

# One bucket a service, on which it alone has rights, without a condition. A condition on a prefix would not do: Cloud
# Storage answers 403 in place of 404 for a missing object to whoever may not list the bucket, and a GET names no prefix
# to list. What a service remembers has to outlive any redelivery; after half a year it is of no use to anybody.
module "state" {
  source   = "../bucket"
  for_each = local.services

  project           = var.project
  name              = "${var.project}-tipoff-state-${each.key}"
  location          = var.region
  labels            = local.labels
  delete_after_days = { "" = 180 }
  writers           = { service = local.member[each.key] }
}

module "archive" {
  source = "../bucket"

  project                  = var.project
  name                     = local.buckets.archive
  location                 = var.region
  labels                   = local.labels
  storage_class_after_days = { COLDLINE = 30 }
  writers                  = { for name, it in local.services : name => local.member[name] if it.archive == "write" }
}

module "dataset" {
  source = "../dataset"

  project     = var.project
  declaration = "${local.infra}/terraform"
  schemas     = "${local.infra}/../schemas/bigquery/nba_orchestration"
  labels      = local.labels
  writers     = { for name, it in local.services : name => local.member[name] if it.dataset == "append" }
  readers = merge(
    { for name, it in local.services : name => local.member[name] if it.dataset == "read" },
    { for member in var.dataset_readers : member => member },
  )
}

module "monitoring" {
  source = "../monitoring"

  project             = var.project
  project_number      = local.number
  region              = var.region
  notification_emails = var.notification_emails
  uptime_services     = { for name, it in local.services : module.service[name].name => module.service[name].uri if it.ingress == "all" }
  monitoring_agent    = local.monitoring_agent
  dead_letter_topic   = module.dead_letters.name
  tick_topic          = local.tick_topic
  paused              = var.paused
  budget              = var.budget
  labels              = local.labels
}
