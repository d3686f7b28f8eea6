mock_provider "google" {
  source          = "../../checks/mocks"
  override_during = plan
}

variables {
  project = "my-project"
  region  = "us-central1"
  topic   = "projects/my-project/topics/orchestration-ticks"
  ticks = {
    evaluate      = { description = "Evaluate.", every_minutes = 15, cadence_minutes = 15 }
    lock-schedule = { description = "Lock.", daily_at = "05:00", time_zone = "America/New_York", cadence_minutes = 60 }
  }
}

run "the_lock_fires_at_five_in_new_york_and_the_rest_in_utc" {
  command = plan

  assert {
    condition     = google_cloud_scheduler_job.this["lock-schedule"].schedule == "0 5 * * *" && google_cloud_scheduler_job.this["lock-schedule"].time_zone == "America/New_York"
    error_message = "incident 13: one zone, written down"
  }
  assert {
    condition     = google_cloud_scheduler_job.this["evaluate"].schedule == "*/15 * * * *" && google_cloud_scheduler_job.this["evaluate"].time_zone == "Etc/UTC"
    error_message = "the rest is in UTC"
  }
}

run "a_tick_carries_what_filters_and_services_read" {
  command = plan

  assert {
    condition     = google_cloud_scheduler_job.this["evaluate"].pubsub_target[0].attributes["tick"] == "evaluate" && google_cloud_scheduler_job.this["evaluate"].pubsub_target[0].attributes["ce-type"] == "tipoff.tick.fired.v1"
    error_message = "filters work on attributes"
  }
  assert {
    condition     = jsondecode(base64decode(google_cloud_scheduler_job.this["evaluate"].pubsub_target[0].data)).cadence_minutes == 15
    error_message = "the payload says how often it comes"
  }
  assert {
    condition     = google_cloud_scheduler_job.this["evaluate"].attempt_deadline == null
    error_message = "a permanent diff on a Pub/Sub target"
  }
}

run "a_time_that_clocks_skip_is_refused" {
  command = plan

  variables {
    ticks = { lock-schedule = { description = "Lock.", daily_at = "02:30", time_zone = "America/New_York", cadence_minutes = 60 } }
  }

  expect_failures = [var.ticks]
}
