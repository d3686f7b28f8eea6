mock_provider "google" {
  source          = "../checks/mocks"
  override_during = plan
}

variables {
  project             = "my-project"
  region              = "us-central1"
  environment         = "prod"
  notification_emails = ["someone@example.com"]
  invokers            = ["user:someone@example.com"]
  phase2_members      = ["serviceAccount:phase2@other-project.iam.gserviceaccount.com"]
  images              = { for name in keys(yamldecode(file("../../services.yaml")).services) : name => "1.0" }
}

run "the_maps_become_topics_subscriptions_services_and_ticks" {
  command = plan

  assert {
    condition     = toset(keys(output.topics)) == toset(keys(yamldecode(file("../../topics.yaml")).topics))
    error_message = "every topic of topics.yaml is there"
  }
  assert {
    condition     = toset(keys(output.services)) == toset(keys(yamldecode(file("../../services.yaml")).services))
    error_message = "every service of services.yaml is there"
  }
  assert {
    condition = toset(concat(module.dead_letters.subscriptions, flatten([for topic in module.topic : topic.subscriptions]))) == toset(flatten([
      for topic in values(yamldecode(file("../../topics.yaml")).topics) : keys(lookup(topic, "subscriptions", {}))
    ]))
    error_message = "every subscription of topics.yaml is there"
  }
  assert {
    condition     = toset(keys(output.ticks)) == toset(keys(yamldecode(file("../../ticks.yaml")).ticks))
    error_message = "every tick of ticks.yaml fires"
  }
}

# Incidents 12 and 13: ticks and workflows come from one idea of time.
run "ticks_fit_what_workflows_need" {
  command = plan

  assert {
    condition     = output.ticks["lock-schedule"].time_zone == yamldecode(file("../../../config/workflows.yaml")).timezone
    error_message = "the day is locked in the zone in which workflows are written"
  }
  assert {
    condition = alltrue([
      for it in values(yamldecode(file("../../../config/workflows.yaml")).workflows) :
      tonumber(replace(it.schedule.window.start, ":", "")) >= 100 * tonumber(split(" ", output.ticks["lock-schedule"].schedule)[1]) + tonumber(split(" ", output.ticks["lock-schedule"].schedule)[0])
      if can(it.schedule.window.start)
    ])
    error_message = "no window opens before the day is locked"
  }
  assert {
    condition     = output.ticks["evaluate"].schedule == "*/15 * * * *"
    error_message = "an evaluation every quarter of an hour, all day"
  }
}

run "a_service_without_an_image_stops_the_plan" {
  command = plan

  variables {
    images = { for name in keys(yamldecode(file("../../services.yaml")).services) : name => "1.0" if name != "logger" }
  }

  expect_failures = [var.images]
}

run "latest_is_no_image" {
  command = plan

  variables {
    images = { for name in keys(yamldecode(file("../../services.yaml")).services) : name => name == "controller" ? "latest" : "1.0" }
  }

  expect_failures = [var.images]
}

run "instances_of_no_service_stop_the_plan" {
  command = plan

  variables {
    sizes = { loger = { max_instances = 2 } }
  }

  expect_failures = [var.sizes]
}

run "everybody_is_nobody_that_can_be_named" {
  command = plan

  variables {
    phase2_members  = ["allUsers"]
    dataset_readers = ["allAuthenticatedUsers"]
  }

  expect_failures = [var.phase2_members, var.dataset_readers]
}

run "a_group_is_no_invoker" {
  command = plan

  variables {
    invokers = ["group:people@example.com"]
  }

  expect_failures = [var.invokers]
}

run "a_service_is_alone_in_its_state_bucket" {
  command = plan

  assert {
    condition     = module.state["logger"].name == "my-project-tipoff-state-logger" && keys(module.state) == keys(yamldecode(file("../../services.yaml")).services)
    error_message = "one bucket a service"
  }
}

run "a_subscription_is_as_frequent_as_its_most_frequent_tick" {
  command = plan

  assert {
    condition     = local.tick_minutes["controller-ticks"] == 15 && local.tick_minutes["logger-ticks"] == 1440
    error_message = "a quarter of an hour, or a day where all are daily"
  }
}

run "sizes_of_an_environment_replace_those_of_the_map" {
  command = plan

  variables {
    sizes = { logger = { max_instances = 9, memory = "2Gi" } }
  }

  assert {
    condition     = local.services["logger"].max_instances == 9 && local.services["logger"].memory == "2Gi" && local.services["logger"].concurrency == 80
    error_message = "what is given and nothing else"
  }
}

run "a_domain_without_a_certificate_is_refused" {
  command = plan

  variables {
    domains = { controller = { domain = "tipoff.example.com" } }
  }

  expect_failures = [var.domains]
}

run "a_domain_of_an_internal_service_is_refused" {
  command = plan

  variables {
    domains = { logger = { domain = "tipoff.example.com", certificate = "managed" } }
  }

  expect_failures = [var.domains]
}

run "images_of_another_project_are_digests" {
  command = plan

  variables {
    image_project = "my-dev-project"
  }

  expect_failures = [var.image_project]
}

run "a_secret_that_no_service_may_have_is_refused" {
  command = plan

  variables {
    enabled_secrets = ["NOT_THERE"]
  }

  expect_failures = [var.enabled_secrets]
}

run "a_key_of_another_region_is_refused" {
  command = plan

  variables {
    kms_key = "projects/my-project/locations/europe-west1/keyRings/r/cryptoKeys/k"
  }

  expect_failures = [var.kms_key]
}

run "calls_leave_from_the_address_that_is_asked_for" {
  command = plan

  variables {
    egress = {}
  }

  assert {
    condition     = length(module.egress) == 1
    error_message = "a network for the runner"
  }
}

run "identity_aware_proxy_stands_before_a_console_and_nothing_else" {
  command = plan

  variables {
    domains = { controller = { domain = "tipoff.example.com", certificate = "managed", iap = ["user:someone@example.com"] } }
  }

  expect_failures = [var.domains]
}

run "the_console_is_reached_by_who_looks_and_reaches_the_controller" {
  command = plan

  variables {
    viewers = ["user:guest@example.com"]
    domains = { monitor = { domain = "tipoff.example.com", certificate = "managed", iap = ["group:people@example.com"] } }
  }

  assert {
    condition     = contains(local.invokers["monitor"], "user:guest@example.com") && !contains(local.invokers["controller"], "user:guest@example.com")
    error_message = "who looks calls the monitor alone"
  }
  assert {
    condition     = contains(local.invokers["controller"], "serviceAccount:tipoff-monitor@my-project.iam.gserviceaccount.com") && strcontains(local.computed.TIPOFF_INVOKERS["controller"], "tipoff-monitor@")
    error_message = "the console triggers in people's name"
  }
  assert {
    condition     = google_cloud_run_v2_service_iam_member.iap["monitor"].member == "serviceAccount:service-123456789012@gcp-sa-iap.iam.gserviceaccount.com"
    error_message = "the proxy calls as its own account"
  }
  assert {
    condition     = local.computed.TIPOFF_CONSOLE_URL["monitor"] == "https://tipoff.example.com"
    error_message = "notifications name the domain"
  }
}

run "every_service_exports_to_the_one_collector" {
  command = plan

  variables {
    otlp_endpoint = "https://collector.example.com"
  }

  assert {
    condition     = local.telemetry["OTEL_EXPORTER_OTLP_ENDPOINT"] == "https://collector.example.com"
    error_message = "OpenTelemetry reads its own variable"
  }
}

run "a_collector_is_named_by_its_url" {
  command = plan

  variables {
    otlp_endpoint = "collector:4318"
  }

  expect_failures = [var.otlp_endpoint]
}
