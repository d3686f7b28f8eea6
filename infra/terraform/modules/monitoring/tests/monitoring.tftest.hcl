mock_provider "google" {
  source          = "../../checks/mocks"
  override_during = plan
}

variables {
  project             = "my-project"
  project_number      = "123456789012"
  region              = "us-central1"
  notification_emails = ["someone@example.com"]
  uptime_services     = { controller = "https://controller-123456789012.us-central1.run.app" }
  monitoring_agent    = "serviceAccount:service-123456789012@gcp-sa-monitoring-notification.iam.gserviceaccount.com"
  dead_letter_topic   = "dead-letters"

  tick_minutes = { controller-ticks = 15, logger-ticks = 1440, monitor-ticks = 5, hourly = 60 }
}

run "every_alert_reaches_somebody" {
  command = plan

  assert {
    condition     = alltrue([for policy in concat(values(google_monitoring_alert_policy.threshold), values(google_monitoring_alert_policy.no_ticks), values(google_monitoring_alert_policy.uptime)) : length(policy.notification_channels) == 1])
    error_message = "an alert without a channel is none"
  }
}

run "silence_is_seen_of_each_subscription_also_when_no_tick_ever_came" {
  command = plan

  assert {
    condition     = google_monitoring_alert_policy.no_ticks["logger-ticks"].conditions[0].condition_prometheus_query_language[0].query == "absent(sum(increase(pubsub_googleapis_com:subscription_push_request_count{monitored_resource=\"pubsub_subscription\",subscription_id=\"logger-ticks\"}[60m])) > 0)"
    error_message = "a sum of what came, absent where there is none or it is 0"
  }
  assert {
    condition     = toset(keys(google_monitoring_alert_policy.no_ticks)) == toset(keys(var.tick_minutes)) && alltrue([for it in google_monitoring_alert_policy.no_ticks : it.enabled])
    error_message = "one hides no other"
  }
}

run "a_first_tick_that_is_not_due_yet_alerts_nobody" {
  command = plan

  assert {
    condition     = alltrue([for name, it in var.tick_minutes : tonumber(trimsuffix(google_monitoring_alert_policy.no_ticks[name].conditions[0].condition_prometheus_query_language[0].duration, "s")) >= 60 * max(it, 15)])
    error_message = "after a first deployment or a pause an interval passes without a tick"
  }
  assert {
    condition     = { for name, it in local.silence : name => it.without + it.lasting } == { controller-ticks = 60, hourly = 240, logger-ticks = 1500, monitor-ticks = 30 }
    error_message = "four intervals, half an hour at least and a day and an hour at most"
  }
  assert {
    condition     = alltrue([for it in local.silence : it.lasting <= 1440 && it.without + it.lasting <= 1500])
    error_message = "longer ones are refused by Monitoring"
  }
}

run "an_interval_that_no_alert_outlasts_is_refused" {
  command = plan

  variables {
    tick_minutes = { controller-ticks = 2880 }
  }

  expect_failures = [var.tick_minutes]
}

run "a_channel_in_use_can_be_changed" {
  command = plan

  assert {
    condition     = alltrue([for it in google_monitoring_notification_channel.email : it.force_delete])
    error_message = "policies that name it do not keep it"
  }
}

run "alerts_go_to_channels_beside_email" {
  command = plan

  variables {
    notification_channels = {
      oncall = { id = "projects/my-project/notificationChannels/123" }
      chat   = { type = "google_chat", labels = { space = "spaces/AAA" } }
    }
  }

  assert {
    condition     = alltrue([for policy in google_monitoring_alert_policy.threshold : length(policy.notification_channels) == 3])
    error_message = "one that is there already, one that is made, and the e-mail"
  }
}

run "a_channel_that_delivers_nothing_is_warned_of" {
  command = plan

  variables {
    notification_channels = { pager = { type = "sms", labels = { number = "+15550100" } } }
  }

  override_resource {
    target          = google_monitoring_notification_channel.other
    override_during = plan
    values          = { verification_status = "UNVERIFIED" }
  }

  assert {
    condition     = local.unverified == ["Tipoff: pager"]
    error_message = "the one that waits for its code, and no other"
  }

  expect_failures = [check.channels_are_verified]
}

run "a_channel_without_its_secret_is_refused" {
  command = plan

  variables {
    notification_channels = { oncall = { type = "pagerduty" } }
  }

  expect_failures = [var.notification_channels]
}

run "logs_are_kept_as_long_as_is_asked_for" {
  command = plan

  variables {
    log_retention_days = 90
  }

  assert {
    condition     = google_logging_project_bucket_config.default[0].retention_days == 90 && google_logging_metric.errors.filter == "resource.type=\"cloud_run_revision\" AND severity>=ERROR"
    error_message = "and errors are counted"
  }
}

run "nobody_is_told_that_paused_ticks_do_not_come" {
  command = plan

  variables {
    paused = true
  }

  assert {
    condition     = alltrue([for it in google_monitoring_alert_policy.no_ticks : !it.enabled])
    error_message = "they are not to come"
  }
}

run "services_are_asked_with_an_identity_at_a_path_that_reaches_them" {
  command = plan

  assert {
    condition     = google_monitoring_uptime_check_config.this["controller"].http_check[0].path == "/health" && google_monitoring_uptime_check_config.this["controller"].monitored_resource[0].labels["host"] == "controller-123456789012.us-central1.run.app"
    error_message = "Cloud Run keeps paths that end in z"
  }
  assert {
    condition     = google_cloud_run_v2_service_iam_member.uptime["controller"].member == var.monitoring_agent
    error_message = "the check's identity may call"
  }
}

run "a_budget_is_asked_for" {
  command = plan

  variables {
    budget = { billing_account = "012345-6789AB-CDEF01", monthly_amount = 50 }
  }

  assert {
    condition     = google_billing_budget.this[0].amount[0].specified_amount[0].units == "50" && var.budget.currency == null
    error_message = "the given amount, in the currency of the billing account"
  }
}

run "a_budget_of_a_fraction_is_refused" {
  command = plan

  variables {
    budget = { billing_account = "012345-6789AB-CDEF01", monthly_amount = 49.5 }
  }

  expect_failures = [var.budget]
}

run "a_budget_is_told_by_email_alone" {
  command = plan

  variables {
    budget              = { billing_account = "012345-6789AB-CDEF01", monthly_amount = 50 }
    notification_emails = [for it in range(4) : "someone-${it}@example.com"]
    notification_channels = {
      list   = { type = "email", labels = { email_address = "list@example.com" } }
      chat   = { type = "google_chat", labels = { space = "spaces/AAA" } }
      pager  = { type = "sms", labels = { number = "+15550100" } }
      oncall = { id = "projects/my-project/notificationChannels/123" }
    }
  }

  assert {
    condition     = length(google_billing_budget.this[0].all_updates_rule[0].monitoring_notification_channels) == 5
    error_message = "Google refuses a budget that names another channel"
  }
  assert {
    condition     = alltrue([for it in google_monitoring_alert_policy.threshold : length(it.notification_channels) == 8])
    error_message = "alerts go to all"
  }
}

run "more_than_a_budget_tells_are_refused" {
  command = plan

  variables {
    budget              = { billing_account = "012345-6789AB-CDEF01", monthly_amount = 50 }
    notification_emails = [for it in range(6) : "someone-${it}@example.com"]
  }

  expect_failures = [var.notification_emails]
}

run "without_a_budget_any_number_is_told" {
  command = plan

  variables {
    notification_emails = [for it in range(6) : "someone-${it}@example.com"]
  }

  assert {
    condition     = length(google_monitoring_notification_channel.email) == 6
    error_message = "each has a channel"
  }
}

run "an_alert_that_reaches_nobody_is_refused" {
  command = plan

  variables {
    notification_emails = []
  }

  expect_failures = [var.notification_emails]
}
