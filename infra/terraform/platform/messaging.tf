locals {
  pushes = { for name, it in local.subscriptions : name => {
    topic                = it.topic
    service_uri          = module.service[it.service].uri
    push_service_account = local.push_service_accounts[it.service]
    timeout_seconds      = module.service[it.service].timeout_seconds
    ack_deadline_seconds = it.ack_deadline_seconds
    filter               = it.filter
  } }

  # Every service publishes rejected messages to dead-letters.
  publishers = { for topic in keys(local.topics.topics) : topic => merge(
    { for name, it in local.services : name => local.member[name] if topic == local.dead_letter_topic || contains(it.publishes, topic) },
    topic == local.receipts_topic ? { for member in var.phase2_members : member => member } : {},
  ) }
}

module "dead_letters" {
  source = "../modules/topic"

  project            = var.project
  name               = local.dead_letter_topic
  labels             = local.labels
  kms_key            = var.kms_key
  pubsub_agent       = local.pubsub_agent
  takes_dead_letters = true
  retry              = lookup(local.topics, "retry", null)
  publishers         = local.publishers[local.dead_letter_topic]
  subscriptions      = { for name, it in local.pushes : name => it if it.topic == local.dead_letter_topic }
}

# /readyz of a service reads the one topic that every service publishes to.
resource "google_pubsub_topic_iam_member" "finder" {
  for_each = local.services

  project = var.project
  topic   = module.dead_letters.name
  role    = "projects/${var.project}/roles/tipoffTopicFinder"
  member  = local.member[each.key]
}

module "topic" {
  source   = "../modules/topic"
  for_each = { for name, it in local.topics.topics : name => it if name != local.dead_letter_topic }

  project               = var.project
  name                  = each.key
  labels                = local.labels
  kms_key               = var.kms_key
  pubsub_agent          = local.pubsub_agent
  dead_letter_topic     = module.dead_letters.id
  max_delivery_attempts = local.topics.max_delivery_attempts
  retry                 = lookup(local.topics, "retry", null)
  publishers            = local.publishers[each.key]
  subscribers           = lookup(each.value, "subscribed_outside", false) ? { for member in var.phase2_members : member => member } : {}
  subscriptions         = { for name, it in local.pushes : name => it if it.topic == each.key }
}

module "ticks" {
  source = "../modules/ticks"

  project = var.project
  region  = var.region
  topic   = module.topic[local.tick_topic].id
  ticks   = local.ticks
  paused  = var.paused
}
