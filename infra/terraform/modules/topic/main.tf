locals {
  # Built from attributes that are known in a plan, so that policies can read it; they still order dependent resources.
  id = "projects/${google_pubsub_topic.this.project}/topics/${google_pubsub_topic.this.name}"
}

resource "google_pubsub_topic" "this" {
  project                    = var.project
  name                       = var.name
  labels                     = var.labels
  kms_key_name               = var.kms_key
  message_retention_duration = "${var.retention_days * 24 * 3600}s"
}

# Pub/Sub cannot change a filter: Terraform would replace the subscription and lose its waiting messages. This keeps the
# first filter and refuses another.
resource "terraform_data" "filter" {
  for_each = var.subscriptions

  input = each.value.filter

  lifecycle {
    ignore_changes = [input]

    postcondition {
      condition     = self.output == each.value.filter
      error_message = "${each.key}: the filter cannot be changed: Pub/Sub would replace the subscription and lose its waiting messages. In infra/topics.yaml add the new filter under a new name beside it and deploy; remove ${each.key} once it is empty, and deploy again."
    }
  }
}

resource "google_pubsub_subscription" "push" {
  for_each = var.subscriptions

  project              = var.project
  name                 = each.key
  topic                = local.id
  labels               = var.labels
  filter               = each.value.filter
  ack_deadline_seconds = each.value.ack_deadline_seconds
  # A week: longer than any outage should last. Messages that wait for more than a day cost money.
  message_retention_duration = "604800s"

  push_config {
    push_endpoint = "${each.value.service_uri}/events"
    oidc_token {
      service_account_email = each.value.push_service_account
      audience              = each.value.service_uri
    }
  }

  retry_policy {
    minimum_backoff = "${var.retry.minimum_seconds}s"
    maximum_backoff = "${var.retry.maximum_seconds}s"
  }

  # Without it Pub/Sub deletes a subscription that is idle for 31 days, e.g. in summer.
  expiration_policy {
    ttl = ""
  }

  dynamic "dead_letter_policy" {
    for_each = var.dead_letter_topic == null ? [] : [var.dead_letter_topic]

    content {
      dead_letter_topic     = dead_letter_policy.value
      max_delivery_attempts = var.max_delivery_attempts
    }
  }
}

resource "google_pubsub_topic_iam_member" "publisher" {
  for_each = var.publishers

  project = var.project
  topic   = google_pubsub_topic.this.name
  role    = "roles/pubsub.publisher"
  member  = each.value
}

# pubsub.topics.attachSubscription: other teams read the topic by their own subscriptions.
resource "google_pubsub_topic_iam_member" "subscriber" {
  for_each = var.subscribers

  project = var.project
  topic   = google_pubsub_topic.this.name
  role    = "roles/pubsub.subscriber"
  member  = each.value
}

# Pub/Sub itself forwards dead letters and acknowledges the originals, hence its agent's grants.
resource "google_pubsub_topic_iam_member" "dead_letters" {
  count = var.takes_dead_letters ? 1 : 0

  project = var.project
  topic   = google_pubsub_topic.this.name
  role    = "roles/pubsub.publisher"
  member  = var.pubsub_agent
}

resource "google_pubsub_subscription_iam_member" "dead_letters" {
  for_each = var.dead_letter_topic == null ? {} : google_pubsub_subscription.push

  project      = var.project
  subscription = each.value.name
  role         = "roles/pubsub.subscriber"
  member       = var.pubsub_agent

  # Grants are part of a subscription; without this, a replaced subscription has none until the next apply.
  lifecycle {
    replace_triggered_by = [google_pubsub_subscription.push[each.key].id]
  }
}
