locals {
  channels = concat(
    [for channel in google_monitoring_notification_channel.email : channel.name],
    [for channel in google_monitoring_notification_channel.other : channel.name],
    compact([for it in var.notification_channels : it.id]),
  )
  # The status is empty for channel types that need no verification.
  unverified = [
    for it in concat(values(google_monitoring_notification_channel.email), values(google_monitoring_notification_channel.other)) :
    it.display_name if it.verification_status == "UNVERIFIED"
  ]
  every = "300s"
  # Minutes without a tick that count as silence, and minutes for which the silence must last: at least one interval, as a
  # new or paused subscription had no tick before. Google allows at most 24 hours, and 25 hours together.
  silence = { for name, interval in var.tick_minutes : name => {
    without = min(max(15, 2 * interval), 60 * 25 - min(max(15, 2 * interval), 60 * 24))
    lasting = min(max(15, 2 * interval), 60 * 24)
  } }
  thresholds = {
    oldest-unacked = {
      severity = "CRITICAL"
      title    = "messages wait: nobody handles them"
      filter   = "resource.type = \"pubsub_subscription\" AND metric.type = \"pubsub.googleapis.com/subscription/oldest_unacked_message_age\""
      group    = ["resource.label.subscription_id"]
      aligner  = "ALIGN_MAX"
      reducer  = "REDUCE_MAX"
      above    = var.oldest_unacked_seconds
      runbook  = "docs/runbooks/nothing-ran.md"
    }
    dead-letters = {
      severity = "ERROR"
      title    = "messages came to dead-letters"
      filter   = "resource.type = \"pubsub_topic\" AND resource.label.topic_id = \"${var.dead_letter_topic}\" AND metric.type = \"pubsub.googleapis.com/topic/send_message_operation_count\""
      group    = ["resource.label.topic_id"]
      aligner  = "ALIGN_DELTA"
      reducer  = "REDUCE_SUM"
      above    = 0
      runbook  = "docs/runbooks/dead-letters.md"
    }
    given-up = {
      severity = "ERROR"
      title    = "Pub/Sub gave up on messages"
      filter   = "resource.type = \"pubsub_subscription\" AND metric.type = \"pubsub.googleapis.com/subscription/dead_letter_message_count\""
      group    = ["resource.label.subscription_id"]
      aligner  = "ALIGN_DELTA"
      reducer  = "REDUCE_SUM"
      above    = 0
      runbook  = "docs/runbooks/dead-letters.md"
    }
    server-errors = {
      severity = "ERROR"
      title    = "a service answers 5xx"
      filter   = "resource.type = \"cloud_run_revision\" AND metric.type = \"run.googleapis.com/request_count\" AND metric.label.response_code_class = \"5xx\""
      group    = ["resource.label.service_name"]
      aligner  = "ALIGN_DELTA"
      reducer  = "REDUCE_SUM"
      above    = var.server_errors
      runbook  = "docs/runbooks/nothing-ran.md"
    }
    logged-errors = {
      severity = "WARNING"
      title    = "a service logs errors"
      filter   = "resource.type = \"cloud_run_revision\" AND metric.type = \"logging.googleapis.com/user/${google_logging_metric.errors.name}\""
      group    = ["metric.label.service"]
      aligner  = "ALIGN_DELTA"
      reducer  = "REDUCE_SUM"
      above    = var.logged_errors
      runbook  = "docs/runbooks/nothing-ran.md"
    }
  }
}

resource "google_monitoring_notification_channel" "email" {
  for_each = var.notification_emails

  project      = var.project
  display_name = "Tipoff: ${each.value}"
  type         = "email"
  labels       = { email_address = each.value }
  force_delete = true # else a channel named in policies cannot be deleted

  lifecycle {
    create_before_destroy = true
  }
}

# Channels without a secret. Those with one are made manually and given by id, as Terraform's state would hold the secret.
resource "google_monitoring_notification_channel" "other" {
  for_each = { for name, it in var.notification_channels : name => it if it.id == null }

  project      = var.project
  display_name = "Tipoff: ${each.key}"
  type         = each.value.type
  labels       = each.value.labels
  force_delete = true

  lifecycle {
    create_before_destroy = true
  }
}

# An unverified channel delivers nothing, and only its status shows it. Its recipient gets the verification code.
check "channels_are_verified" {
  assert {
    condition     = length(local.unverified) == 0
    error_message = "alerts do not reach ${join(", ", local.unverified)}: an UNVERIFIED channel delivers nothing. Verify each channel as described in docs/DEPLOYMENT_GUIDE.md under \"Do alerts arrive?\"."
  }
}

# Errors by service, for alerts and charts.
resource "google_logging_metric" "errors" {
  project     = var.project
  name        = "tipoff_errors"
  description = "Log entries of Tipoff's services at ERROR or above."
  filter      = "resource.type=\"cloud_run_revision\" AND severity>=ERROR"

  metric_descriptor {
    metric_kind = "DELTA"
    value_type  = "INT64"

    labels {
      key        = "service"
      value_type = "STRING"
    }
  }

  label_extractors = { service = "EXTRACT(resource.labels.service_name)" }
}

resource "google_logging_project_bucket_config" "default" {
  count = var.log_retention_days == null ? 0 : 1

  project        = var.project
  location       = "global"
  bucket_id      = "_Default"
  retention_days = var.log_retention_days
}

resource "google_monitoring_alert_policy" "threshold" {
  for_each = local.thresholds

  project               = var.project
  display_name          = "Tipoff: ${each.value.title}"
  combiner              = "OR"
  severity              = each.value.severity
  notification_channels = local.channels
  user_labels           = var.labels

  conditions {
    display_name = each.key

    condition_threshold {
      filter          = each.value.filter
      comparison      = "COMPARISON_GT"
      threshold_value = each.value.above
      duration        = "0s"

      aggregations {
        alignment_period     = local.every
        per_series_aligner   = each.value.aligner
        cross_series_reducer = each.value.reducer
        group_by_fields      = each.value.group
      }
    }
  }

  documentation {
    content   = "What to do: ${each.value.runbook}"
    mime_type = "text/markdown"
  }

  alert_strategy {
    auto_close = "86400s"
  }
}

# One policy for each subscription that carries ticks, so that ticks of one service do not hide another's silence. A
# metric-absence condition needs an earlier point; absent() of a sum above 0 also holds without any point. The condition's
# duration covers the wait beyond the sum's window, and starts again when the policy is enabled.
resource "google_monitoring_alert_policy" "no_ticks" {
  for_each = local.silence

  project               = var.project
  display_name          = "Tipoff: no ticks reach ${each.key}"
  enabled               = !var.paused
  combiner              = "OR"
  severity              = "CRITICAL"
  notification_channels = local.channels
  user_labels           = var.labels

  conditions {
    display_name = "no-ticks"

    condition_prometheus_query_language {
      query               = "absent(sum(increase(pubsub_googleapis_com:subscription_push_request_count{monitored_resource=\"pubsub_subscription\",subscription_id=\"${each.key}\"}[${each.value.without}m])) > 0)"
      duration            = "${60 * each.value.lasting}s"
      evaluation_interval = "300s"
    }
  }

  documentation {
    content   = "What to do: docs/runbooks/nothing-ran.md"
    mime_type = "text/markdown"
  }
}

# /health, and not /healthz: Cloud Run reserves some paths that end in z.
resource "google_monitoring_uptime_check_config" "this" {
  for_each = var.uptime_services

  project      = var.project
  display_name = "tipoff-${each.key}"
  timeout      = "10s"
  period       = "900s" # each check wakes an instance from up to six places

  http_check {
    path         = "/health"
    port         = 443
    use_ssl      = true
    validate_ssl = true

    service_agent_authentication {
      type = "OIDC_TOKEN"
    }
  }

  monitored_resource {
    type   = "uptime_url"
    labels = { project_id = var.project, host = trimprefix(each.value, "https://") }
  }
}

# The first check that uses Monitoring's agent creates it, hence the dependency on the checks.
resource "google_cloud_run_v2_service_iam_member" "uptime" {
  for_each = google_monitoring_uptime_check_config.this

  project  = var.project
  location = var.region
  name     = each.key
  role     = "roles/run.invoker"
  member   = var.monitoring_agent
}

resource "google_monitoring_alert_policy" "uptime" {
  for_each = google_monitoring_uptime_check_config.this

  project               = var.project
  display_name          = "Tipoff: ${each.key} does not answer"
  combiner              = "OR"
  severity              = "CRITICAL"
  notification_channels = local.channels
  user_labels           = var.labels

  conditions {
    display_name = "uptime"

    condition_threshold {
      filter          = "resource.type = \"uptime_url\" AND metric.type = \"monitoring.googleapis.com/uptime_check/check_passed\" AND metric.label.check_id = \"${each.value.uptime_check_id}\""
      comparison      = "COMPARISON_GT"
      threshold_value = 1 # places that cannot reach it
      duration        = "0s"

      aggregations {
        alignment_period     = "1200s"
        per_series_aligner   = "ALIGN_NEXT_OLDER"
        cross_series_reducer = "REDUCE_COUNT_FALSE"
        group_by_fields      = ["resource.label.host"]
      }
    }
  }

  documentation {
    content   = "What to do: docs/runbooks/nothing-ran.md"
    mime_type = "text/markdown"
  }
}

resource "google_billing_budget" "this" {
  count = var.budget == null ? 0 : 1

  billing_account = var.budget.billing_account
  display_name    = "Tipoff: ${var.project}"

  budget_filter {
    projects        = ["projects/${var.project_number}"]
    calendar_period = "MONTH"
  }

  amount {
    specified_amount {
      currency_code = var.budget.currency
      units         = tostring(var.budget.monthly_amount)
    }
  }

  dynamic "threshold_rules" {
    for_each = { 0.5 = "CURRENT_SPEND", 0.9 = "CURRENT_SPEND", 1 = "FORECASTED_SPEND" }

    content {
      threshold_percent = tonumber(threshold_rules.key)
      spend_basis       = threshold_rules.value
    }
  }

  all_updates_rule {
    # A budget accepts e-mail channels only. The type of a channel given by its id is not known here.
    monitoring_notification_channels = concat(
      [for channel in google_monitoring_notification_channel.email : channel.name],
      [for channel in google_monitoring_notification_channel.other : channel.name if channel.type == "email"],
    )
    disable_default_iam_recipients = false
  }
}
