mock_provider "google" {
  source          = "../checks/mocks"
  override_during = plan
}

variables {
  project = "my-project"
  ci      = { repository = "example/tipoff", environment = "prod" }
}

run "one_subject_may_deploy" {
  command = plan

  assert {
    condition     = google_iam_workload_identity_pool_provider.github["deploy"].attribute_condition == "assertion.sub == \"repo:example/tipoff:environment:prod\""
    error_message = "the repository and the environment, letter by letter"
  }
  assert {
    condition     = endswith(google_service_account_iam_member.ci["deploy"].member, "/subject/repo:example/tipoff:environment:prod")
    error_message = "no other subject acts as the deployer"
  }
}

run "a_pull_request_looks_and_changes_nothing" {
  command = plan

  assert {
    condition     = google_iam_workload_identity_pool_provider.github["plan"].attribute_condition == "assertion.sub == \"repo:example/tipoff:pull_request\""
    error_message = "jobs of pull requests of the repository itself"
  }
  assert {
    condition     = alltrue([for it in google_project_iam_custom_role.ci["plan"].permissions : can(regex("[.](fullView|get|getIamPolicy|list)$", it)) if it != "serviceusage.services.use"])
    error_message = "nothing that changes, reads rows or calls"
  }
  assert {
    condition     = contains(google_project_iam_custom_role.ci["plan"].permissions, "serviceusage.services.use")
    error_message = "the environments' user_project_override takes it"
  }
  assert {
    condition     = alltrue([for it in google_project_iam_custom_role.ci : contains(it.permissions, "cloudscheduler.jobs.fullView")])
    error_message = "what a tick sends is seen, or every plan would set it again"
  }
  assert {
    condition     = google_storage_bucket_iam_member.state["plan"].role == "roles/storage.objectViewer" && google_artifact_registry_repository_iam_member.ci["plan"].role == "roles/artifactregistry.reader"
    error_message = "state and images are read"
  }
}

run "the_deployer_grants_one_role" {
  command = plan

  assert {
    condition     = strcontains(google_project_iam_member.grants_job_user[0].condition[0].expression, "hasOnly([\"roles/bigquery.jobUser\"])")
    error_message = "and no other"
  }
}

run "the_deployer_makes_no_identity_and_opens_none" {
  command = plan

  assert {
    condition     = alltrue([for it in google_project_iam_custom_role.ci["deploy"].permissions : !can(regex("^(iam[.]|secretmanager[.]|storage[.]).*[.](create|delete|setIamPolicy|update|actAs|access)$", it)) if it != "storage.buckets.create"])
    error_message = "nothing on the whole project by which it could become another"
  }
  assert {
    condition     = google_project_iam_member.buckets[0].condition[0].expression == "resource.type == \"storage.googleapis.com/Bucket\" && resource.name.startsWith(\"projects/_/buckets/my-project-tipoff-\")"
    error_message = "the buckets of the environment, and not that of Terraform's state"
  }
  assert {
    condition     = keys(google_service_account_iam_member.service_deployer) == keys(yamldecode(file("../../services.yaml")).services) && keys(google_service_account_iam_member.push_deployer) == keys(yamldecode(file("../../services.yaml")).services)
    error_message = "it acts as what services and pushes are, and as nothing else"
  }
}

run "every_service_is_somebody" {
  command = plan

  assert {
    condition     = google_service_account.service["scraper-runner"].account_id == "tipoff-scraper-runner" && google_service_account.push["scraper-runner"].account_id == "tipoff-scraper-runner-push"
    error_message = "names are predictable"
  }
  assert {
    condition     = toset([for it in values(google_secret_manager_secret_iam_member.accessor) : it.secret_id]) == toset(keys(google_secret_manager_secret.this))
    error_message = "each secret has its reader"
  }
  assert {
    condition     = google_service_account_iam_member.token_creator["logger"].member == "serviceAccount:service-123456789012@gcp-sa-pubsub.iam.gserviceaccount.com"
    error_message = "Pub/Sub makes the tokens that it pushes with"
  }
}

run "a_service_is_nobody_else" {
  command = plan

  variables {
    services_file = "tests/names.yaml"
  }

  expect_failures = [
    google_service_account.service["build"],
    google_service_account.service["deploy"],
    google_service_account.service["logger-push2"],
    google_service_account.service["plan"],
  ]
}

run "a_build_reads_what_is_uploaded_and_pushes_images" {
  command = plan

  assert {
    condition     = google_artifact_registry_repository_iam_member.build.role == "roles/artifactregistry.writer" && google_project_iam_member.build.role == "roles/logging.logWriter"
    error_message = "images and logs"
  }
  assert {
    condition     = module.builds.name == "my-project-builds" && !startswith(module.builds.name, "my-project-tipoff-")
    error_message = "a bucket that CI does not open"
  }
}

run "the_state_is_in_no_bucket_that_the_deployer_opens" {
  command = plan

  variables {
    state_bucket = "my-project-tipoff-tfstate"
  }

  expect_failures = [var.state_bucket]
}

run "every_secret_that_a_service_names_is_there" {
  command = plan

  assert {
    condition     = toset(keys(google_secret_manager_secret.this)) == toset(flatten([for it in values(yamldecode(file("../../services.yaml")).services) : lookup(it, "secrets", [])]))
    error_message = "as infra/services.yaml says"
  }
}

run "without_ci_nobody_federates" {
  command = plan

  variables {
    ci = null
  }

  assert {
    condition     = length(google_iam_workload_identity_pool.ci) == 0 && length(google_service_account.ci) == 0 && length(google_service_account_iam_member.service_deployer) == 0
    error_message = "nothing to attack"
  }
}

run "a_repository_is_known_by_ids_that_nobody_takes_over" {
  command = plan

  variables {
    ci = { repository = "example@1234567/tipoff@123456789", environment = "prod" }
  }

  assert {
    condition     = google_iam_workload_identity_pool_provider.github["deploy"].attribute_condition == "assertion.sub == \"repo:example@1234567/tipoff@123456789:environment:prod\""
    error_message = "as GitHub's tokens say it of repositories made since July 2026"
  }
}

run "half_of_the_ids_are_no_repository" {
  command = plan

  variables {
    ci = { repository = "example@1234567/tipoff", environment = "prod" }
  }

  expect_failures = [var.ci]
}

run "a_wildcard_is_no_repository" {
  command = plan

  variables {
    ci = { repository = "example/*", environment = "prod" }
  }

  expect_failures = [var.ci]
}

run "a_longer_subject_than_google_takes_is_refused" {
  command = plan

  variables {
    ci = { repository = "example@1234567/tipoff@123456789", environment = "the-environment-of-everybody-who-deploys-from-this-repository-into-one-project-or-another" }
  }

  expect_failures = [var.ci]
}
