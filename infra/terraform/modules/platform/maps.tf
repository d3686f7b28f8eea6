# The maps that the services, the local stack and the tests read too, and whether they fit each other.
locals {
  infra    = "${path.module}/../../.."
  mapped   = yamldecode(file(coalesce(var.topics_file, "${local.infra}/topics.yaml")))
  ticks    = yamldecode(file("${local.infra}/ticks.yaml")).ticks
  declared = yamldecode(file(coalesce(var.services_file, "${local.infra}/services.yaml"))).services
  apis     = yamldecode(file("${local.infra}/terraform/apis.yaml"))

  # What is required stands for nothing where it is missing, as below.
  services = { for name, it in local.declared : name => merge(
    {
      cpu       = "1"
      memory    = "512Mi"
      publishes = []
      data      = null
      archive   = null
      dataset   = null
      secrets   = []
      settings  = {}
      computed  = []

      push_generation = ""
    },
    { description = "", ingress = "internal", timeout_seconds = 10, concurrency = 1, max_instances = 1 },
    { for key, value in it : key => value if value != null },
  ) }

  topics = merge(
    { dead_letter_topic = "", max_delivery_attempts = 100, retry = { minimum_seconds = 10, maximum_seconds = 600 } },
    local.mapped,
    { topics = { for name, it in local.mapped.topics : name => merge({ events = [] }, it) } },
  )
  subscriptions = merge([for topic, it in local.topics.topics : {
    for name, subscription in lookup(it, "subscriptions", {}) : name => merge({ service = "" }, subscription, { topic = topic })
  }]...)

  # Of each map, and of what stands in it by name: what there can be, and what there has to be.
  service_keys      = ["description", "ingress", "timeout_seconds", "cpu", "memory", "concurrency", "max_instances", "publishes", "data", "archive", "dataset", "secrets", "settings", "computed", "push_generation", "local_port"]
  topic_keys        = ["description", "events", "structured", "subscribed_outside", "subscriptions"]
  subscription_keys = ["service", "description", "filter", "ack_deadline_seconds"]
  map_keys          = ["dead_letter_topic", "max_delivery_attempts", "retry", "topics"]
  unknown_keys      = [for name, it in local.declared : "${name}: ${join(", ", setsubtract(keys(it), local.service_keys))}" if length(setsubtract(keys(it), local.service_keys)) > 0]
  missing_keys      = flatten([for name, it in local.declared : [for key in ["description", "ingress", "timeout_seconds", "concurrency", "max_instances"] : "${name} has no ${key}" if lookup(it, key, null) == null]])
  named_in_topics = merge(
    { for name, it in local.mapped.topics : name => { has = it, known = local.topic_keys, needs = ["description", "events"] } },
    merge([for topic, it in local.mapped.topics : {
      for name, subscription in lookup(it, "subscriptions", {}) : "${topic}: ${name}" => { has = subscription, known = local.subscription_keys, needs = ["description", "service"] }
    }]...),
  )
  unknown_topic_keys = concat(
    [for key in setsubtract(keys(local.mapped), local.map_keys) : "${key} (there are ${join(", ", local.map_keys)})"],
    flatten([for name, it in local.named_in_topics : [for key in setsubtract(keys(it.has), it.known) : "${name}: ${key} (there are ${join(", ", it.known)})"]]),
  )
  missing_topic_keys = concat(
    [for key in ["dead_letter_topic", "max_delivery_attempts"] : "there is no ${key}" if lookup(local.mapped, key, null) == null],
    flatten([for name, it in local.named_in_topics : [for key in it.needs : "${name} has no ${key}" if lookup(it.has, key, null) == null]]),
  )
  subscription_names      = flatten([for topic, it in local.topics.topics : keys(lookup(it, "subscriptions", {}))])
  doubled_subscriptions   = distinct([for name in local.subscription_names : name if length([for it in local.subscription_names : it if it == name]) > 1])
  rights                  = { data = ["read", "write"], archive = ["read", "write"], dataset = ["read", "append"], ingress = ["all", "internal"] }
  unknown_rights          = flatten([for name, it in local.services : [for key, known in local.rights : "${name}: ${key}: ${it[key]} (write ${join(" or ", known)})" if it[key] != null && !contains(known, coalesce(it[key], "-"))]])
  subscriptions_of_nobody = [for name, it in local.subscriptions : "${name} (${it.service})" if it.service != "" && !contains(keys(local.services), it.service)]
  topics_of_nobody        = [for name, it in local.topics.topics : name if length(lookup(it, "subscriptions", {})) == 0 && !lookup(it, "subscribed_outside", false)]
  unsubscribed_services   = setsubtract(keys(local.services), [for it in local.subscriptions : it.service])
  unknown_topics          = [for name, it in local.services : "${name}: ${join(", ", setsubtract(it.publishes, keys(local.topics.topics)))}" if length(setsubtract(it.publishes, keys(local.topics.topics))) > 0]
  unknown_computed        = [for name, it in local.services : "${name}: ${join(", ", setsubtract(it.computed, keys(local.computed)))}" if length(setsubtract(it.computed, keys(local.computed))) > 0]
  ticks_of_nobody         = [for name in keys(local.ticks) : name if !anytrue([for it in local.subscriptions : it.topic == local.tick_topic && strcontains(lookup(it, "filter", "\"${name}\""), "\"${name}\"")])]
  missing_images          = setsubtract(keys(local.services), keys(var.images))
  unscaled                = setsubtract(keys(var.scaling), keys(local.services))
  unknown_images          = setsubtract(keys(var.images), keys(local.services))

  # What is not there stands for nothing that is used: a precondition below stops the plan, and says why.
  dead_letter_topic = contains(keys(local.topics.topics), local.topics.dead_letter_topic) ? local.topics.dead_letter_topic : keys(local.topics.topics)[0]
  tick_topic        = try(coalesce(one([for name, it in local.topics.topics : name if contains(it.events, "tipoff.tick.fired.v1")])), "")
  receipts_topic    = try(coalesce(one([for name, it in local.topics.topics : name if contains(it.events, "tipoff.file.processed.v1")])), "")
}

resource "terraform_data" "maps" {
  input = sort(keys(local.services))

  lifecycle {
    precondition {
      condition     = length(local.unknown_keys) == 0
      error_message = "infra/services.yaml: ${join("; ", local.unknown_keys)}: no such key; there are ${join(", ", local.service_keys)}."
    }
    precondition {
      condition     = length(local.missing_keys) == 0
      error_message = "infra/services.yaml: ${join("; ", local.missing_keys)}; every service needs it."
    }
    precondition {
      condition     = length(local.unknown_topic_keys) == 0
      error_message = "infra/topics.yaml: no such key: ${join("; ", local.unknown_topic_keys)}."
    }
    precondition {
      condition     = length(local.missing_topic_keys) == 0
      error_message = "infra/topics.yaml: ${join("; ", local.missing_topic_keys)}; add it."
    }
    precondition {
      condition     = length(local.unknown_rights) == 0
      error_message = "infra/services.yaml: ${join("; ", local.unknown_rights)}."
    }
    precondition {
      condition     = contains(keys(local.topics.topics), local.topics.dead_letter_topic)
      error_message = "infra/topics.yaml: dead_letter_topic: ${local.topics.dead_letter_topic}: there is no such topic; there are ${join(", ", keys(local.topics.topics))}."
    }
    precondition {
      condition     = local.tick_topic != "" && local.receipts_topic != ""
      error_message = "infra/topics.yaml: exactly one topic carries tipoff.tick.fired.v1, and exactly one tipoff.file.processed.v1; put each under events of one topic."
    }
    precondition {
      condition     = length(local.doubled_subscriptions) == 0
      error_message = "infra/topics.yaml: ${join(", ", local.doubled_subscriptions)} stands under more than one topic; a project has one subscription of a name, so rename the others."
    }
    precondition {
      condition     = length(local.subscriptions_of_nobody) == 0
      error_message = "infra/topics.yaml: ${join(", ", local.subscriptions_of_nobody)}: infra/services.yaml has no such service; add it there, or correct the name."
    }
    precondition {
      condition     = length(local.topics_of_nobody) == 0
      error_message = "infra/topics.yaml: nobody takes what comes to ${join(", ", local.topics_of_nobody)}; add a subscription, or say subscribed_outside: true."
    }
    precondition {
      condition     = length(local.unsubscribed_services) == 0
      error_message = "infra/services.yaml: ${join(", ", local.unsubscribed_services)} has no subscription in infra/topics.yaml, so that nothing ever reaches it; add one."
    }
    precondition {
      condition     = length(local.unknown_topics) == 0
      error_message = "infra/services.yaml: publishes: ${join("; ", local.unknown_topics)}: infra/topics.yaml has no such topic; add it there, or correct the name."
    }
    precondition {
      condition     = length(local.unknown_computed) == 0
      error_message = "infra/services.yaml: computed: ${join("; ", local.unknown_computed)}: only ${join(", ", keys(local.computed))} are worked out; a fixed value goes into settings."
    }
    precondition {
      condition     = length(local.ticks_of_nobody) == 0
      error_message = "infra/ticks.yaml: no subscription on ${local.tick_topic} takes ${join(", ", local.ticks_of_nobody)}; add it to a filter in infra/topics.yaml, or drop the tick."
    }
    precondition {
      condition     = length(local.missing_images) == 0
      error_message = "images: none for ${join(", ", local.missing_images)}; name the tag or digest of each service's image."
    }
    precondition {
      condition     = length(local.unknown_images) == 0
      error_message = "images: ${join(", ", local.unknown_images)}: infra/services.yaml has no such service."
    }
    precondition {
      condition     = length(local.unscaled) == 0
      error_message = "scaling: ${join(", ", local.unscaled)}: infra/services.yaml has no such service."
    }
  }
}

# Asked before anything is planned. A data source of an API that is off has no id of its own.
data "google_project_service" "required" {
  for_each = toset(local.apis)

  project = var.project
  service = each.value

  lifecycle {
    postcondition {
      condition     = coalesce(self.id, "-") != "-"
      error_message = "Project ${var.project} has ${each.value} off. Apply infra/terraform/bootstrap, which enables all that is needed, or: gcloud services enable ${join(" ", local.apis)} --project ${var.project}"
    }
  }
}
