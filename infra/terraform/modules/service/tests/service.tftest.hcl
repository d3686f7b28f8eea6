mock_provider "google" {
  source          = "../../checks/mocks"
  override_during = plan
}

variables {
  project         = "my-project"
  project_number  = "123456789012"
  region          = "us-central1"
  name            = "scraper-runner"
  description     = "Fetches."
  image           = "us-central1-docker.pkg.dev/my-project/tipoff/scraper-runner:1.0"
  ingress         = "all"
  timeout_seconds = 600
  concurrency     = 8
  max_instances   = 4
  secrets         = ["ODDS_API_KEY"]
  environment     = { TIPOFF_ENVIRONMENT = "dev" }
  invokers        = { someone = "user:someone@example.com" }

  service_account      = "tipoff-scraper-runner@my-project.iam.gserviceaccount.com"
  push_service_account = "tipoff-scraper-runner-push@my-project.iam.gserviceaccount.com"
}

run "a_service_runs_as_itself_within_bounds" {
  command = plan

  assert {
    condition     = google_cloud_run_v2_service.this.template[0].service_account == "tipoff-scraper-runner@my-project.iam.gserviceaccount.com"
    error_message = "its identity is the given one"
  }
  assert {
    condition     = google_cloud_run_v2_service.this.template[0].containers[0].resources[0].cpu_idle
    error_message = "CPU is paid for during requests only"
  }
  assert {
    condition     = google_cloud_run_v2_service.this.template[0].timeout == "600s" && google_cloud_run_v2_service.this.template[0].scaling[0].max_instance_count == 4
    error_message = "timeout and instances are the given ones"
  }
  assert {
    condition     = google_cloud_run_v2_service.this.deletion_protection
    error_message = "a service is protected unless said otherwise"
  }
}

run "a_deployment_takes_the_traffic" {
  command = plan

  assert {
    condition     = length(google_cloud_run_v2_service.this.traffic) == 1 && google_cloud_run_v2_service.this.traffic[0].type == "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST" && google_cloud_run_v2_service.this.traffic[0].percent == 100
    error_message = "also when an older revision was chosen manually before"
  }
}

run "it_is_told_its_own_address_as_audience" {
  command = plan

  assert {
    condition     = output.uri == "https://scraper-runner-123456789012.us-central1.run.app"
    error_message = "the deterministic URI"
  }
  assert {
    condition     = contains([for env in google_cloud_run_v2_service.this.template[0].containers[0].env : "${env.name}=${env.value}" if length(env.value_source) == 0], "TIPOFF_AUDIENCE=${output.uri}")
    error_message = "TIPOFF_AUDIENCE is the service's URI"
  }
}

run "a_secret_is_a_reference" {
  command = plan

  assert {
    condition     = [for env in google_cloud_run_v2_service.this.template[0].containers[0].env : env.value_source[0].secret_key_ref[0].secret if length(env.value_source) > 0] == ["ODDS_API_KEY"]
    error_message = "the value stays in Secret Manager"
  }
  assert {
    condition     = [for env in google_cloud_run_v2_service.this.template[0].containers[0].env : env.value_source[0].secret_key_ref[0].version if length(env.value_source) > 0] == ["7"]
    error_message = "a new version is a new revision"
  }
}

run "people_and_pushes_may_call_it" {
  command = plan

  assert {
    condition     = google_cloud_run_v2_service.this.invoker_iam_disabled != true
    error_message = "nobody reaches the service whom Cloud Run has not checked"
  }
  assert {
    condition     = contains([for env in google_cloud_run_v2_service.this.template[0].containers[0].env : "${env.name}=${env.value}" if length(env.value_source) == 0], "TIPOFF_CLOUD_RUN_CHECKS_SIGNATURES=true")
    error_message = "Cloud Run takes the signature off the token, and the service would refuse every push"
  }

  assert {
    condition     = contains([for env in google_cloud_run_v2_service.this.template[0].containers[0].env : "${env.name}=${env.value}" if length(env.value_source) == 0], "TIPOFF_PUSH_SERVICE_ACCOUNT=${var.push_service_account}")
    error_message = "the service believes the identity that Pub/Sub pushes with"
  }
  assert {
    condition     = google_cloud_run_v2_service_iam_member.push.member == "serviceAccount:${var.push_service_account}" && google_cloud_run_v2_service_iam_member.push.role == "roles/run.invoker" && google_cloud_run_v2_service_iam_member.invoker["someone"].member == "user:someone@example.com"
    error_message = "IAM decides who calls"
  }
}

run "a_domain_is_a_further_audience" {
  command = plan

  variables {
    domain = "tipoff.example.com"
  }

  assert {
    condition     = google_cloud_run_v2_service.this.custom_audiences == tolist(["https://tipoff.example.com"]) && contains([for env in google_cloud_run_v2_service.this.template[0].containers[0].env : "${env.name}=${env.value}" if length(env.value_source) == 0], "TIPOFF_EXTRA_AUDIENCES=[\"https://tipoff.example.com\"]")
    error_message = "for Cloud Run and for the service"
  }
}

run "all_calls_of_a_service_leave_through_its_network" {
  command = plan

  variables {
    network = { network = "projects/my-project/global/networks/tipoff", subnetwork = "projects/my-project/regions/us-central1/subnetworks/tipoff" }
  }

  assert {
    condition     = google_cloud_run_v2_service.this.template[0].vpc_access[0].egress == "ALL_TRAFFIC"
    error_message = "those to public addresses too"
  }
}

run "latest_is_no_image" {
  command = plan

  variables {
    image = "us-central1-docker.pkg.dev/my-project/tipoff/scraper-runner:latest"
  }

  expect_failures = [var.image]
}

run "nobody_can_call_what_is_internal" {
  command = plan

  variables {
    ingress = "internal"
  }

  expect_failures = [var.invokers]
}

run "everybody_is_no_invoker" {
  command = plan

  variables {
    invokers = { all = "allUsers" }
  }

  expect_failures = [var.invokers]
}
