# Scheduler sends fixed content only: a tick's identity and time are Pub/Sub's messageId and publishTime. No
# attempt_deadline: Pub/Sub jobs ignore it, and setting it shows a change in every plan.
resource "google_cloud_scheduler_job" "this" {
  for_each = var.ticks

  project     = var.project
  region      = var.region
  name        = "tipoff-${each.key}"
  description = each.value.description
  paused      = var.paused
  time_zone   = each.value.time_zone
  schedule = (each.value.daily_at == null
    ? "*/${each.value.every_minutes} * * * *"
    : "${tonumber(split(":", each.value.daily_at)[1])} ${tonumber(split(":", each.value.daily_at)[0])} * * *"
  )

  pubsub_target {
    topic_name = var.topic
    data       = base64encode(jsonencode({ tick = each.key, cadence_minutes = each.value.cadence_minutes }))
    attributes = {
      content-type   = "application/json"
      ce-specversion = "1.0"
      ce-type        = "tipoff.tick.fired.v1"
      ce-source      = "/tipoff/scheduler"
      tick           = each.key
    }
  }
}
