# The maps that the services, the local stack and the tests read too. tipoff_common (service_map, topics, ticks) validates
# them in `make deploy` and `make check-infra`; here they get their defaults.
locals {
  infra  = "${path.module}/../.."
  topics = yamldecode(file(coalesce(var.topics_file, "${local.infra}/topics.yaml")))
  ticks  = { for name, it in yamldecode(file(coalesce(var.ticks_file, "${local.infra}/ticks.yaml"))).ticks : name => merge(can(it.daily_at) ? { time_zone = var.timezone } : {}, it) }

  declared = yamldecode(file(coalesce(var.services_file, "${local.infra}/services.yaml"))).services
  services = { for name, it in local.declared : name => merge(
    {
      cpu              = "1"
      memory           = "512Mi"
      publishes        = []
      data             = null
      archive          = null
      dataset          = null
      secrets          = []
      optional_secrets = []
      settings         = {}
      computed         = []
      push_generation  = ""
    },
    it,
    { for key, value in try(var.sizes[name], {}) : key => value if value != null },
  ) }

  subscriptions = merge([for topic, it in local.topics.topics : {
    for name, subscription in lookup(it, "subscriptions", {}) : name => merge({ filter = "", ack_deadline_seconds = 60 }, subscription, { topic = topic })
  }]...)

  dead_letter_topic = local.topics.dead_letter_topic
  tick_topic        = one([for name, it in local.topics.topics : name if contains(it.events, "tipoff.tick.fired.v1")])
  receipts_topic    = one([for name, it in local.topics.topics : name if contains(it.events, "tipoff.file.processed.v1")])

  # Minutes between a subscription's ticks, by the most frequent tick. Without a filter it carries every tick.
  tick_minutes = { for name, it in local.subscriptions : name => min([
    for tick, when in local.ticks : lookup(when, "every_minutes", 1440)
    if it.filter == "" || strcontains(it.filter, "\"${tick}\"")
  ]...) if it.topic == local.tick_topic && anytrue([for tick in keys(local.ticks) : it.filter == "" || strcontains(it.filter, "\"${tick}\"")]) }
}
