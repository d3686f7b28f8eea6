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
  tick_topic          = "orchestration-ticks"
}

run "every_alert_reaches_somebody" {
  command = plan

  assert {
    condition     = alltrue([for policy in concat(values(google_monitoring_alert_policy.threshold), [google_monitoring_alert_policy.no_ticks], values(google_monitoring_alert_policy.uptime)) : length(policy.notification_channels) == 1])
    error_message = "an alert without a channel is none"
  }
}

run "silence_is_that_of_all_ticks" {
  command = plan

  assert {
    condition     = google_monitoring_alert_policy.no_ticks.conditions[0].condition_absent[0].aggregations[0].cross_series_reducer == "REDUCE_SUM" && google_monitoring_alert_policy.no_ticks.enabled
    error_message = "and not that of one response code"
  }
}

run "nobody_is_told_that_paused_ticks_do_not_come" {
  command = plan

  variables {
    paused = true
  }

  assert {
    condition     = !google_monitoring_alert_policy.no_ticks.enabled
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
    condition     = google_billing_budget.this[0].amount[0].specified_amount[0].units == "50"
    error_message = "the given amount"
  }
}

run "a_budget_of_a_fraction_is_refused" {
  command = plan

  variables {
    budget = { billing_account = "012345-6789AB-CDEF01", monthly_amount = 49.5 }
  }

  expect_failures = [var.budget]
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
